"""The whole loop on one machine: a broker and the services as child processes under one folder."""
