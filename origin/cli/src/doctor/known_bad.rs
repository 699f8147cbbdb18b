//! Doctor check: server versions with a known vulnerability that matters here.

/// First good patch of each line of a product, for the holes in the Lua engine that were closed
/// together in October 2025: CVE-2025-49844 (a script of anybody who may run one can take over the
/// server), CVE-2025-46817, -46818 and -46819. Lines that are not named are later and good, or
/// earlier and got no fix from their makers.
const LUA_2025: [(Product, u64, u64, u64); 8] = [
    (Product::Redis, 6, 2, 20),
    (Product::Redis, 7, 2, 11),
    (Product::Redis, 7, 4, 6),
    (Product::Redis, 8, 0, 4),
    (Product::Redis, 8, 2, 2),
    (Product::Valkey, 7, 2, 11),
    (Product::Valkey, 8, 0, 6),
    (Product::Valkey, 8, 1, 4),
];

/// Who makes a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Product {
    Redis,
    Valkey,
}

/// A version, as numbers.
pub(super) fn numbers(version: &str) -> Option<(u64, u64, u64)> {
    let mut parts = version.split(['.', '-']).map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next().flatten().unwrap_or(0)))
}

/// What is bad about this version as its makers released it. A distribution may have mended it
/// without a new number.
pub(super) fn hole(product: Product, version: &str) -> Option<String> {
    let (major, minor, patch) = numbers(version)?;
    let lines = LUA_2025.iter().filter(|line| line.0 == product);
    let newest = lines.clone().map(|line| (line.1, line.2)).max()?;
    let own = lines.clone().find(|line| (line.1, line.2) == (major, minor));
    let mended = match own {
        Some(line) => patch >= line.3,
        None => (major, minor) > newest,
    };
    let good: Vec<String> = lines
        .filter(|line| (line.1, line.2) >= (7, 0))
        .map(|line| format!("{}.{}.{}", line.1, line.2, line.3))
        .collect();
    (!mended).then(|| {
        format!(
            "released with CVE-2025-49844 (whoever may run a script can take the server over); \
             mended in {} and later lines",
            good.join(", ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_good_from_its_own_patch_on() {
        for (product, bad, good) in [
            (Product::Redis, "7.2.10", "7.2.11"),
            (Product::Redis, "7.4.5", "7.4.6"),
            (Product::Redis, "8.0.3", "8.0.4"),
            (Product::Redis, "8.2.1", "8.2.2"),
            (Product::Redis, "7.0.15", "8.4.0"),
            (Product::Valkey, "8.0.5", "8.0.6"),
            (Product::Valkey, "8.1.3", "8.1.4"),
            (Product::Valkey, "7.2.10", "9.0.0"),
        ] {
            assert!(hole(product, bad).is_some(), "{bad}");
            assert_eq!(hole(product, good), None, "{good}");
        }
    }

    #[test]
    fn a_version_is_read_with_or_without_a_suffix() {
        assert_eq!(numbers("8.0.0-rc1"), Some((8, 0, 0)));
        assert_eq!(numbers("22.12"), Some((22, 12, 0)));
        assert_eq!(numbers("unstable"), None);
    }
}
