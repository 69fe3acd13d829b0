-- Expands. What gateways count together when there is no Redis: attempts in a window, by limit and subject.

-- Unlogged: written on every attempt, and worth nothing after a crash but a fresh count.
create unlogged table rate_limits (
  -- SHA-256 of limit and subject.
  key bytea primary key check (octet_length(key) = 32),
  hits integer not null check (hits > 0),
  window_ends_at timestamptz not null
);
-- The sweeper's.
create index rate_limits_ended on rate_limits (window_ends_at);
