--
-- PostgreSQL database dump
--
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
COPY o.t (a) FROM stdin;
\.
