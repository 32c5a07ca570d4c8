"""check-layers finds the arrow or the word that breaks a rule, and only that."""

import tempfile
import unittest
from pathlib import Path

from .support import crate, load, write

layers = load("check-layers")

WORKSPACE = '[workspace]\nmembers = ["proto", "services/kit/*", "services/*", "tests"]\n'


class Arrows(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.root = Path(self.folder.name)

    def problems(self, **manifests: str) -> list[str]:
        rooms = {"domain": "services/kit", "wire": "services/kit", "bus": "services/kit", "testkit": "services/kit", "proto": ".", "tests": "."}
        base = {name: crate(name) for name in ("domain", "wire", "bus", "testkit", "proto", "gateway", "executor", "simulator", "tests")}
        files = {f"{rooms.get(name, 'services')}/{name}/Cargo.toml": text for name, text in (base | manifests).items()}
        write(self.root, files | {"Cargo.toml": WORKSPACE})
        return layers.check_arrows(self.root)

    def test_arrows_in_the_right_direction_hold(self):
        self.assertEqual([], self.problems(wire=crate("wire", ("domain", "proto")), gateway=crate("gateway", ("bus", "domain"), ("testkit",))))

    def test_a_service_that_depends_on_a_service_is_named_with_its_line(self):
        found = self.problems(gateway=crate("gateway", ("executor",)))
        self.assertEqual(1, len(found))
        self.assertTrue(found[0].startswith("services/gateway/Cargo.toml:4: gateway must not depend on executor"), found)

    def test_even_its_tests_may_not(self):
        self.assertEqual(1, len(self.problems(gateway=crate("gateway", (), ("executor",)))))

    def test_domain_may_not_use_protobuf(self):
        self.assertEqual(1, len(self.problems(domain=crate("domain", ("proto",)))))

    def test_the_testkit_is_a_dev_dependency_only(self):
        found = self.problems(gateway=crate("gateway", ("testkit",)))
        self.assertIn("move it to [dev-dependencies]", found[0])
        self.assertEqual([], self.problems(gateway=crate("gateway"), tests=crate("tests", ("testkit",))))

    def test_the_simulator_stands_alone(self):
        self.assertEqual(1, len(self.problems(simulator=crate("simulator", ("domain",)))))

    def test_tests_of_a_service_may_use_it(self):
        self.assertEqual([], self.problems(executor=crate("executor", (), ("simulator",))))
        self.assertIn("only tests need a cluster", self.problems(executor=crate("executor", ("simulator",)))[0])

    def test_a_crate_without_a_room_is_reported(self):
        write(self.root, {"services/newcomer/Cargo.toml": crate("newcomer")})
        self.assertIn("has no room", self.problems()[0])


class Purity(unittest.TestCase):
    def problems(self, text: str, path: str = "services/gateway/src/core/decide.rs") -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), {path: text})
            return layers.check_purity(Path(folder))

    def test_each_forbidden_word_is_found(self):
        for code in (
            "use tokio::time;", "pub async fn decide() {}", "let x = std::fs::read(p);", "use reqwest::Client;", "let c = kube::Client::new();",
            "SystemTime::now()", "Instant::now()", "jiff::Timestamp::now()", "rand::random()", "use paramedic_proto::v1;", "Ulid::new()",
            "use std::net::TcpStream;", "f().await;",
        ):
            self.assertEqual(1, len(self.problems(f"// first\n{code}\n")), code)

    def test_the_line_is_named(self):
        self.assertTrue(self.problems("\n\nuse tokio::time;\n")[0].startswith("services/gateway/src/core/decide.rs:3: 'tokio'"))

    def test_prose_may_name_what_code_may_not(self):
        self.assertEqual([], self.problems("//! No tokio here.\n/* no reqwest\n async fn */\n/// not Instant::now\nfn f() {}\n"))

    def test_a_url_does_not_hide_the_rest_of_its_line(self):
        self.assertEqual(1, len(self.problems('let u = "http://x"; tokio::spawn(f);\n')))

    def test_shell_may_do_io(self):
        self.assertEqual([], self.problems("use tokio::time;\n", "services/gateway/src/shell/http.rs"))

    def test_domain_is_pure_everywhere(self):
        self.assertEqual(1, len(self.problems("use tokio::time;\n", "services/kit/domain/src/plan.rs")))
