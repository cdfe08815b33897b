-- Functions run in whatever session calls them, conduit.publish in the application's: what their bodies
-- rely on goes with them. With standard_conforming_strings = off a regular expression in a body would
-- lose its backslashes.
ALTER FUNCTION conduit.publish(text, json, text, jsonb, text, timestamptz, interval, text)
  SET standard_conforming_strings = on;
ALTER FUNCTION conduit.json_too_deep(text) SET standard_conforming_strings = on;
ALTER FUNCTION conduit.json_too_deep(text) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION conduit.make_leaf(date) SET standard_conforming_strings = on;
ALTER FUNCTION conduit.make_leaf(date) SET search_path = pg_catalog, pg_temp;
ALTER FUNCTION conduit.make_leaf(date) SET timezone = 'UTC';
ALTER FUNCTION conduit.make_leaf(date) SET datestyle = 'ISO, MDY';
