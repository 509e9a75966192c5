-- Both places where spans lie: the slices of time, and what has no slice.
CREATE OR REPLACE VIEW trail_private.all_spans AS
SELECT * FROM trail_private.spans UNION ALL SELECT * FROM trail_private.odd_time_spans;

CREATE OR REPLACE VIEW trail_private.all_offset_ranges AS
SELECT * FROM trail_private.offset_ranges UNION ALL SELECT * FROM trail_private.odd_time_offset_ranges;
