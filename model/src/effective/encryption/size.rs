//! Which VM sizes have hardware that encrypts.

/// Whether a VM size has hardware that encrypts: D and E from v4, F from v6, L from v3, M from v2; never confidential ones. The list
/// grows with time.
/// <https://learn.microsoft.com/azure/virtual-network/virtual-network-encryption-overview#requirements>
#[must_use]
pub fn can_encrypt(size: &str) -> bool {
    let mut parts = size.split('_').skip(1);
    let Some(family) = parts.next() else { return false };
    let version = parts.find_map(|part| part.strip_prefix(['v', 'V'])?.parse::<u32>().ok()).unwrap_or(1);
    let letters: String =
        family.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_ascii_uppercase();
    match letters.as_str() {
        "DC" | "EC" => false,
        "NC" => family.to_ascii_lowercase().ends_with("ads"),
        letters => match letters.chars().next() {
            Some('D' | 'E') => version >= 4,
            Some('F') => version >= 6,
            Some('L') => version >= 3,
            Some('M') => version >= 2,
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn s11_1_sizes_that_encrypt() {
        for able in [
            "Standard_D4s_v5",
            "Standard_E8ds_v4",
            "Standard_F4as_v6",
            "Standard_L8s_v3",
            "Standard_M64_v2",
            "Standard_D2as_v6",
        ] {
            assert!(can_encrypt(able), "{able}");
        }
        for unable in [
            "Standard_B2s",
            "Standard_D4s_v3",
            "Standard_DC4as_v5",
            "Standard_F8s_v2",
            "Standard_L8s_v2",
            "Standard",
            "",
        ] {
            assert!(!can_encrypt(unable), "{unable}");
        }
    }
}
