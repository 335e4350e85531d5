//! A connector that misbehaves on schedule, for tests.
