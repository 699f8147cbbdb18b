//! Entity tags (RFC 9110, section 8.8.3): what node and edge call an answer, so that a reader who
//! has it is sent nothing else.

use sha2::{Digest, Sha256};

/// Bytes of a digest that a tag has: enough that no two contents of one address meet.
const DIGEST_BYTES: usize = 12;

/// The tag of an answer that follows from `content`, whichever node makes it. It is a weak one:
/// answers of the same content may differ in when they were made.
#[must_use]
pub fn weak_tag<'a>(content: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut digest = Sha256::new();
    for part in content {
        // With its length: parts that are cut elsewhere are other parts.
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    let digest = digest.finalize();
    format!("W/\"{}\"", base16ct::lower::encode_string(&digest[..DIGEST_BYTES]))
}

/// Whether the header `If-None-Match` names this tag; weak tags compare as strong ones (section
/// 13.1.2).
#[must_use]
pub fn names(header: &str, tag: &str) -> bool {
    let plain = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    header.split(',').any(|named| named.trim() == "*" || plain(named) == plain(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_has_what_one_of_its_tags_names() {
        for header in ["\"7\"", "W/\"7\"", "\"6\", \"7\"", "*"] {
            assert!(names(header, "\"7\"") && names(header, "W/\"7\""), "{header}");
        }
        for header in ["", "\"6\"", "7", "\"77\""] {
            assert!(!names(header, "\"7\""), "{header}");
        }
    }

    #[test]
    fn the_same_content_has_the_same_tag_and_any_other_has_another() {
        let tag = |parts: &[&str]| weak_tag(parts.iter().map(|part| part.as_bytes()));
        assert_eq!(tag(&["a", "b"]), tag(&["a", "b"]));
        let others = [&["a", "c"][..], &["ab"], &["ab", ""], &["", "ab"], &["b", "a"], &[]];
        for other in others {
            assert_ne!(tag(&["a", "b"]), tag(other), "{other:?}");
        }
        assert!(names(&tag(&["a"]), &tag(&["a"])) && !names(&tag(&["a"]), &tag(&["b"])));
    }
}
