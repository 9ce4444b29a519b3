//! The per-host process: receives goal states, applies them through vfp, reports, and answers questions.
