//! Who may depend on whom; the picture is in `crates/ARCHITECTURE.md`.

use super::run::Finding;
use crate::metadata::{Kind, Package};

/// Every arrow between our own packages that points the wrong way.
pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        for dependency in &package.dependencies {
            let ours = packages.iter().any(|other| other.name == dependency.name);
            if ours && !is_allowed(package, &dependency.name, dependency.kind) {
                let line = format!("{} must not depend on {}", package.name, dependency.name);
                findings.push(Finding::Error(line));
            }
        }
    }
    findings
}

fn is_allowed(package: &Package, on: &str, kind: Kind) -> bool {
    if on == "aya-testkit" && package.published {
        return kind == Kind::Dev;
    }
    match package.name.as_str() {
        "aya-db-core" => false,
        "aya-dcs" | "aya-ha-core" | "aya-tls" | "xtask" => on == "aya-db-core",
        "aya-pgwire" => matches!(on, "aya-tls" | "aya-db-core"),
        "aya-session" => matches!(on, "aya-pgwire" | "aya-db-core"),
        "aya-db" => matches!(on, "aya-dcs" | "aya-tls" | "aya-db-core"),
        "aya-ha" => matches!(on, "aya-ha-core" | "aya-dcs" | "aya-tls" | "aya-db-core"),
        "aya-testkit" => on != "aya-db-python",
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::package_for_tests as package;

    #[test]
    fn arrows_point_towards_the_core() {
        let packages = [
            package("aya-db-core", true, &[("aya-db", Kind::Normal), ("thiserror", Kind::Normal)]),
            package("aya-db", true, &[("aya-db-core", Kind::Normal), ("aya-testkit", Kind::Dev)]),
            package("aya-dcs", true, &[("aya-testkit", Kind::Normal)]),
            package("aya-testkit", false, &[("aya-db", Kind::Normal)]),
        ];
        assert_eq!(
            check(&packages),
            [
                Finding::Error("aya-db-core must not depend on aya-db".to_owned()),
                Finding::Error("aya-dcs must not depend on aya-testkit".to_owned()),
            ]
        );
    }
}
