"""Readings and raw chunks in daily partitions, and the function that makes these ahead of need."""

from django.db import migrations

TABLES = """
CREATE TABLE meters_reading (
    point_id     bigint           NOT NULL,
    measured_at  timestamptz      NOT NULL,
    received_at  timestamptz      NOT NULL,
    p_kw         double precision,
    ua           double precision,
    ub           double precision,
    uc           double precision,
    ia           double precision,
    ib           double precision,
    ic           double precision,
    pf           double precision,
    energy_kwh   numeric(16, 4),
    flag         varchar(4)       NOT NULL,
    is_backfill  boolean          NOT NULL,
    chunk_id     bigint           NOT NULL,
    -- No foreign key on point_id: it would be looked up for each row, and points are never deleted.
    PRIMARY KEY (point_id, measured_at)
) PARTITION BY RANGE (measured_at);

CREATE SEQUENCE meters_rawchunk_id_seq;
CREATE TABLE meters_rawchunk (
    id               bigint      NOT NULL DEFAULT nextval('meters_rawchunk_id_seq'),
    received_at      timestamptz NOT NULL,
    stream           varchar(60) NOT NULL,
    frame_count      integer     NOT NULL,
    payload          bytea       NOT NULL,
    previous_sha256  bytea       NOT NULL,
    sha256           bytea       NOT NULL,
    PRIMARY KEY (id, received_at)
) PARTITION BY RANGE (received_at);
-- the newest chunk of a stream, when a gateway starts and takes up its chain
CREATE INDEX meters_rawchunk_stream ON meters_rawchunk (stream, id DESC);

-- Every reading and every tick updates rows of these: room on the page keeps the updates in place.
ALTER TABLE meters_latestreading SET (fillfactor = 50);
ALTER TABLE meters_collectorstatus SET (fillfactor = 50);
ALTER TABLE meters_statesegment SET (fillfactor = 80);
"""

# SECURITY DEFINER: gateway and worker may call it without owning the tables. A partition is made
# apart and then attached, which does not block writers as CREATE TABLE .. PARTITION OF would.
FUNCTION = """
CREATE FUNCTION meters_make_partitions(first_day date, last_day date) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent text;
    child text;
    day date;
    made integer := 0;
BEGIN
    IF last_day - first_day > 800 THEN
        RAISE EXCEPTION 'at most 800 days of partitions at once';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('meters_make_partitions'));
    FOREACH parent IN ARRAY ARRAY['meters_reading', 'meters_rawchunk'] LOOP
        day := first_day;
        WHILE day <= last_day LOOP
            child := parent || '_' || to_char(day, 'YYYYMMDD');
            IF to_regclass(child) IS NULL THEN
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
                EXECUTE format(
                    'ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                    parent, child,
                    day::timestamp AT TIME ZONE 'UTC',
                    (day + 1)::timestamp AT TIME ZONE 'UTC');
                made := made + 1;
            END IF;
            day := day + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;
REVOKE ALL ON FUNCTION meters_make_partitions(date, date) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [("meters", "0001_initial")]

    operations = [
        migrations.RunSQL(
            TABLES,
            "DROP TABLE meters_reading; DROP TABLE meters_rawchunk;"
            " DROP SEQUENCE meters_rawchunk_id_seq;",
        ),
        migrations.RunSQL(FUNCTION, "DROP FUNCTION meters_make_partitions(date, date);"),
    ]
