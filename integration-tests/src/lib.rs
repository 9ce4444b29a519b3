//! Real packets through whole labs.
