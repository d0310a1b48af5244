//! Random bytes and random accounts: always a clean error, never a change. And the real price account of mainnet.
