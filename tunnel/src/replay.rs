//! Which record numbers were there already.
