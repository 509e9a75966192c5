-- In place of 13_names.sql where spans are spread over a Citus cluster. With two outer joins or more on a union, Citus fetches
-- all spans to the coordinator first; look-ups it sends to the workers. (Elsewhere joins are better: 2 to 4 times as fast over
-- many spans.)
CREATE OR REPLACE VIEW trail_private.named_spans AS
SELECT s.*,
  (SELECT v.name FROM trail_private.services v WHERE v.service_id = s.service_id) AS service_name,
  (SELECT n.name FROM trail_private.span_names n WHERE n.span_name_id = s.span_name_id) AS name,
  (SELECT t.cluster FROM trail_private.topics t WHERE t.topic_id = s.topic_id) AS cluster,
  (SELECT t.name FROM trail_private.topics t WHERE t.topic_id = s.topic_id) AS topic_name,
  (SELECT g.name FROM trail_private.consumer_groups g WHERE g.consumer_group_id = s.consumer_group_id) AS group_name,
  (SELECT r.attributes FROM trail_private.resources r WHERE r.resource_id = s.resource_id) AS resource_attributes,
  coalesce(s.detail, (SELECT r.detail FROM trail_private.resources r WHERE r.resource_id = s.resource_id)) AS whole_detail
FROM trail_private.all_spans s;

CREATE OR REPLACE VIEW trail_private.named_hops AS
SELECT m.*,
  (SELECT v.name FROM trail_private.services v WHERE v.service_id = m.service_id) AS service_name,
  (SELECT n.name FROM trail_private.span_names n WHERE n.span_name_id = m.span_name_id) AS name,
  (SELECT t.cluster FROM trail_private.topics t WHERE t.topic_id = m.topic_id) AS cluster,
  (SELECT t.name FROM trail_private.topics t WHERE t.topic_id = m.topic_id) AS topic_name,
  (SELECT g.name FROM trail_private.consumer_groups g WHERE g.consumer_group_id = m.consumer_group_id) AS group_name
FROM trail_private.all_hops m;
