//! Who a NIC is: its certificate, and what its peer's must say.
