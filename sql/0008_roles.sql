-- Days of the log are made by whoever may call the function, and belong to the owner of the schema:
-- a node's role needs neither the right to create here nor the messages themselves to be its own.
ALTER FUNCTION conduit.make_leaf(date) SECURITY DEFINER;
