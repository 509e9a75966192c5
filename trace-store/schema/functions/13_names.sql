-- Spans and hops with names for ids, NULL where a name found no room in its dictionary. On Citus, citus/13_names.sql instead.
CREATE OR REPLACE VIEW trail_private.named_spans AS
SELECT s.*, v.name AS service_name, n.name, t.cluster, t.name AS topic_name, g.name AS group_name, r.attributes AS resource_attributes,
  coalesce(s.detail, r.detail) AS whole_detail
FROM trail_private.all_spans s
LEFT JOIN trail_private.services v ON v.service_id = s.service_id
LEFT JOIN trail_private.span_names n ON n.span_name_id = s.span_name_id
LEFT JOIN trail_private.topics t ON t.topic_id = s.topic_id
LEFT JOIN trail_private.consumer_groups g ON g.consumer_group_id = s.consumer_group_id
LEFT JOIN trail_private.resources r ON r.resource_id = s.resource_id;

CREATE OR REPLACE VIEW trail_private.named_hops AS
SELECT m.*, v.name AS service_name, n.name, t.cluster, t.name AS topic_name, g.name AS group_name
FROM trail_private.all_hops m
LEFT JOIN trail_private.services v ON v.service_id = m.service_id
LEFT JOIN trail_private.span_names n ON n.span_name_id = m.span_name_id
LEFT JOIN trail_private.topics t ON t.topic_id = m.topic_id
LEFT JOIN trail_private.consumer_groups g ON g.consumer_group_id = m.consumer_group_id;
