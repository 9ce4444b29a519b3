//! The vnetlab command: lab sandbox, fabric, controller and command line.
