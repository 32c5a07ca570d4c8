//! The rules and tests that come with the product. Each family is named here and nowhere else.

/// File name and text of the rules and of the tests of every family; what they share comes first.
macro_rules! families {
    ($($family:literal),* $(,)?) => {
        /// The rules that come with the product: file name and text.
        pub const RULES: &[(&str, &str)] = &[
            ("remedies.yaml", include_str!("../../../rules/remedies.yaml")),
            $((concat!($family, ".yaml"), include_str!(concat!("../../../rules/", $family, ".yaml")))),*
        ];

        /// Tests of the shipped rules: file name and text.
        pub const TESTS: &[(&str, &str)] = &[
            ("worlds.test.yaml", include_str!("../../../rules/tests/worlds.test.yaml")),
            $((concat!($family, ".test.yaml"), include_str!(concat!("../../../rules/tests/", $family, ".test.yaml")))),*
        ];
    };
}

families!(
    "admission",
    "containers",
    "control-plane",
    "deliveries",
    "jobs",
    "networks",
    "nodes",
    "scaling",
    "scheduling",
    "storage",
    "workloads",
);
