--
-- PostgreSQL database dump
--

\restrict ab12

-- Dumped from database version 15.14
-- Dumped by pg_dump version 15.14

SET statement_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);

CREATE TABLE public.users (
    id integer NOT NULL,
    email character varying(255) NOT NULL
);

COPY public.migration_records (id, filename) FROM stdin;
1	001_initial_schema.sql
\.


COPY public.oauth_providers (id, user_id, provider, provider_id, access_token, refresh_token, expires_at, created_at, updated_at) FROM stdin;
1	1	google	x	a\tb	\N	2026-01-01 00:00:00	2026-01-01 00:00:00.5	\N
\.


COPY other.things (a) FROM stdin;
INSERT INTO public.users VALUES (1);
\.

COPY public.refresh_tokens (id, user_id, token_hash, expires_at, created_at, revoked) FROM stdin;
\.

INSERT INTO public.users VALUES (1);

SELECT pg_catalog.setval('public.users_id_seq', 13, true);
SELECT pg_catalog.setval('public.things_id_seq', 1, false);

CREATE INDEX idx ON public.users USING btree (email);
--
-- PostgreSQL database dump complete
--

\unrestrict ab12

