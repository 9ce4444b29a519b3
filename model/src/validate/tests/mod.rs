//! Rules of Azure, each with a file that breaks it and all that is said about it.
