//! Speakers, statement by statement.
