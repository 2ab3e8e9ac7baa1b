-- Creates a database per subgraph and two for Temporal, each with an account that may enter no other database.
-- psql runs it once, on the first start of the container; the passwords come from its environment.
\getenv orders_password ORDERS_PASSWORD
\getenv inventory_password INVENTORY_PASSWORD
\getenv payment_password PAYMENT_PASSWORD
\getenv shipping_password SHIPPING_PASSWORD
\getenv temporal_password TEMPORAL_PASSWORD

CREATE ROLE orders LOGIN PASSWORD :'orders_password';
CREATE ROLE inventory LOGIN PASSWORD :'inventory_password';
CREATE ROLE payment LOGIN PASSWORD :'payment_password';
CREATE ROLE shipping LOGIN PASSWORD :'shipping_password';
CREATE ROLE temporal LOGIN PASSWORD :'temporal_password';

CREATE DATABASE orders OWNER orders;
CREATE DATABASE inventory OWNER inventory;
CREATE DATABASE payment OWNER payment;
CREATE DATABASE shipping OWNER shipping;
CREATE DATABASE temporal OWNER temporal;
CREATE DATABASE temporal_visibility OWNER temporal;

REVOKE ALL ON DATABASE orders, inventory, payment, shipping, temporal, temporal_visibility, postgres FROM PUBLIC;
