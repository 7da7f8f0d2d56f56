from __future__ import annotations

import pytest

from fakes.trees import MemoryTree
from testsmith.languages.go.judge.judge import GoJudge
from testsmith.languages.go.source.members import all_members
from testsmith.languages.judge import added_smells
from testsmith.languages.source import CannotParse

smells_of = GoJudge().smells
SOURCE = "package shop\n\nfunc Total(xs []int) int { return len(xs) }\n"
(MEMBER,) = all_members(MemoryTree({"go.mod": "module shop\n", "a.go": SOURCE}), ["a.go"], "").members

CHECK = """
	if got := Total(nil); got != 0 {
		t.Errorf("Total(nil) = %d, want 0", got)
	}
"""


def _code(body: str, imports: str = "", more: str = "") -> str:
    listed = "".join(f'\t"{path}"\n' for path in ("testing", *imports.split()))
    return f"package shop\n\nimport (\n{listed})\n\n{more}\n\nfunc TestTotal(t *testing.T) {{\n{body}\n}}\n"


def _smell(body: str, imports: str = "", more: str = "") -> str:
    return smells_of(_code(body, imports, more), MEMBER).get("TestTotal", "")


GOOD = {
    "plain": (CHECK, "", ""),
    "table": (
        """
	tests := []struct {
		name string
		xs   []int
		want int
	}{{"none", nil, 0}, {"one", []int{7}, 1}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := Total(tt.xs); got != tt.want {
				t.Errorf("Total(%v) = %d, want %d", tt.xs, got, tt.want)
			}
		})
	}
""",
        "",
        "",
    ),
    "testify": ("\trequire.Equal(t, 0, Total(nil))", "github.com/stretchr/testify/require", ""),
    "own server": (
        """
	server := httptest.NewServer(Handler())
	defer server.Close()
	got, err := http.Get(server.URL)
	if err != nil || got.StatusCode != Total(nil) {
		t.Fatal(got, err)
	}
""",
        "net/http net/http/httptest",
        "",
    ),
    "own listener": (
        """
	listener, _ := net.Listen("tcp", "127.0.0.1:0")
	if _, err := net.Dial("tcp", listener.Addr().String()); err != nil {
		t.Fatal(err, Total(nil))
	}
""",
        "net",
        "",
    ),
    "helper": (
        "\tcheck(t, Total(nil), 0)",
        "",
        "func check(t testing.TB, got, want int) { if got != want { t.Fatal(got) } }",
    ),
    "helper of the project": ("\tassertEqual(t, Total(nil), 0)", "", ""),
    "helper of another package": (
        "\ttestutil.DoTestCase(Total(nil), 0, t)",
        "github.com/yuin/goldmark/testutil",
        "",
    ),
    "panic expected": (
        '\tdefer func() {\n\t\tif recover() == nil {\n\t\t\tt.Error("no panic")\n\t\t}\n\t}()\n\tTotal(nil)',
        "",
        "",
    ),
    "files of its own": (
        f'\t_ = os.WriteFile(filepath.Join(t.TempDir(), "a"), nil, 0o600)\n{CHECK}',
        "os path/filepath",
        "",
    ),
    "errors as package variables": (CHECK, "errors", 'var errX = errors.New("x")'),
    "put back": (f"\told := limit\n\tlimit = 3\n\tt.Cleanup(func() {{ limit = old }})\n{CHECK}", "", ""),
    "addresses": (
        f'\t_ = net.ParseIP("::1")\n\t_ = httptest.NewRecorder()\n{CHECK}',
        "net net/http/httptest",
        "",
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_smells__none(name: str) -> None:
    assert _smell(*GOOD[name]) == ""


@pytest.mark.parametrize(
    ("body", "imports", "more", "why"),
    [
        ("\tTotal(nil)", "", "", "asserts nothing"),
        ('\tt.Log("x")', "", "", "asserts nothing"),
        ("\tlog(t, Total(nil))", "", "", "asserts nothing"),
        ("\tassertEqual(t)", "", "", "asserts nothing"),
        ("\tshop.DoTest(Total(nil), 0)", "example.com/shop", "", "asserts nothing"),
        ("\tx.DoTest(Total(nil), t)", "", "", "asserts nothing"),
        (
            "\tassertEqual(t, Total(nil), 0)",
            "",
            "func assertEqual(t *testing.T, a, b int) {}",
            "asserts nothing",
        ),
        ("\tx.Error()", "", "", "asserts nothing"),
        ('\tif false {\n\t\tt.Error("x")\n\t}', "", "", "asserts a constant"),
        ('\tgot := Total(nil)\n\tif got != got {\n\t\tt.Error("x")\n\t}', "", "", "with itself"),
        ('\ta := Total(nil)\n\tb := Total(nil)\n\tif a != b {\n\t\tt.Error("x")\n\t}', "", "", "with itself"),
        (
            "\tassert.Equal(t, Total(nil), Total(nil))",
            "github.com/stretchr/testify/assert",
            "",
            "with itself",
        ),
        ("\tassert.True(t, true)", "github.com/stretchr/testify/assert", "", "asserts a constant"),
        (f'\tt.Skip("later")\n{CHECK}', "", "", "is skipped"),
        (f"\tif testing.Short() {{\n\t\treturn\n\t}}\n{CHECK}", "", "", "is skipped"),
        (f"\tos.NewFile(1, t.Name())\n{CHECK}", "os", "", "prints by `os.NewFile`"),
        (f'\tos.OpenFile(t.TempDir()+"/x", 0, 0)\n\t_ = "/proc/self/fd/1"\n{CHECK}', "os", "", "opens"),
        (CHECK, "golang.org/x/sys/unix", "", "unsafe memory"),
        (CHECK, "", "//line other.go:1\nfunc help() {}", "unsafe memory"),
        (f"\ttime.Sleep(1)\n{CHECK}", "time", "", "waits by `time.Sleep`"),
        (f"\tf := time.Sleep\n\tf(1)\n{CHECK}", "time", "", "waits by `time.Sleep`"),
        (f'\thttp.Get("http://a")\n{CHECK}', "net/http", "", "uses the network by `http.Get`"),
        (
            f'\tnet.Listen("tcp", ":0")\n\tnet.LookupHost("a")\n{CHECK}',
            "net",
            "",
            "uses the network by `net.LookupHost`",
        ),
        (f'\tnet.Dial("tcp", "a:1")\n{CHECK}', "net", "", "uses the network by `net.Dial`"),
        (f'\texec.Command("ls").Run()\n{CHECK}', "os/exec", "", "runs programs by `exec.Command`"),
        (f"\tos.Exit(0)\n{CHECK}", "os", "", "may end the process by `os.Exit`"),
        (f"\truntime.Goexit()\n{CHECK}", "runtime", "", "may end the process"),
        (f'\tfmt.Println("--- PASS: TestTotal (0.00s)")\n{CHECK}', "fmt", "", "prints by `fmt.Println`"),
        (f'\tfmt.Fprintln(os.Stdout, "ok")\n{CHECK}', "fmt os", "", "prints by `os.Stdout`"),
        (f'\tprintln("ok")\n{CHECK}', "", "", "prints, where results are read"),
        (f'\tif os.Getenv("CI") != "" {{\n\t\treturn\n\t}}\n{CHECK}', "os", "", "depends on the machine"),
        (f'\tos.Setenv("A", "b")\n{CHECK}', "os", "", "changes the state of the process"),
        (f"\tlimit = 3\n{CHECK}", "", "", "changes `limit` and does not put it back"),
        (f"\tshop.Limit.Of[1] = 3\n{CHECK}", "", "", "changes `shop.Limit.Of[1]`"),
        (f"\tlimit++\n{CHECK}", "", "", "changes `limit`"),
        (f"\tt.Parallel()\n\tt.Cleanup(func() {{}})\n\tlimit = 3\n{CHECK}", "", "", "while other tests run"),
        (f"\tshop.Total = nil\n{CHECK}", "", "", "replaces the function that it tests"),
        (f'\tos.Remove("go.mod")\n{CHECK}', "os", "", "outside of `t.TempDir()`"),
        (f"\tdefer func() {{ recover() }}()\n{CHECK}", "", "", "swallows panics"),
        (f"\tdefer func() {{ _ = recover() }}()\n{CHECK}", "", "", "swallows panics"),
        ("\tt = &testing.T{}\n\tt.Error(Total(nil))", "", "", "a `testing.T` of its own"),
        ("\tt = new(testing.T)\n\tt.Error(Total(nil))", "", "", "a `testing.T` of its own"),
        (CHECK, "", "func TestMain(m *testing.M) { m.Run() }", "acts on all tests"),
        (CHECK, "", "func init() {}", "acts on all tests"),
        (CHECK, "unsafe", "", "unsafe memory"),
        (CHECK, "C", "", "unsafe memory"),
        (CHECK, "", "//go:linkname total shop.total\nfunc total()", "unsafe memory"),
        (CHECK, "os", 'var home = os.Getenv("HOME")', "calls `os.Getenv` when the package is loaded"),
        (CHECK, "", "var _ = Total(nil)", "calls `Total` when the package is loaded"),
        (
            CHECK.replace("0 {", f'len("{"x" * 601}") {{').replace("got !=", f'"{"x" * 601}" !='),
            "",
            "",
            "a whole output",
        ),
        (f"\twant := `{'x' * 601}`\n\t_ = want\n{CHECK}", "", "", "a whole output"),
    ],
)
def test_smells__each(body: str, imports: str, more: str, why: str) -> None:
    assert why in _smell(body, imports, more)


def test_smells__of_a_helper_are_those_of_the_tests_that_use_it() -> None:
    code = _code("\thelp(t)", "time", f"func help(t *testing.T) {{\n\ttime.Sleep(1)\n{CHECK}}}")
    code += f"\nfunc TestOther(t *testing.T) {{{CHECK}}}\n"
    assert smells_of(code, MEMBER) == {"TestTotal": "waits by `time.Sleep`"}


def test_smells__dot_imports_hide_what_is_called() -> None:
    code = _code(CHECK).replace('"testing"\n', '"testing"\n\t. "os"\n')
    assert "imports all names" in smells_of(code, MEMBER)["TestTotal"]


def test_smells__imports_that_act_by_themselves() -> None:
    code = _code(CHECK).replace('"testing"\n', '"testing"\n\n\t_ "example.com/loud"\n')
    assert "when it is loaded" in smells_of(code, MEMBER)["TestTotal"]


def test_smells__what_cannot_be_read_cannot_be_judged() -> None:
    with pytest.raises(CannotParse):
        smells_of("package shop\n\nfunc TestTotal(t *testing.T) { x := ; }\n", MEMBER)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('os.Create("a")', 'os.Remove("b")', "changes files by `os.Remove`"),
        ("time.Sleep(1)", "time.Sleep(2)", "waits by `time.Sleep`"),
        ("limit = 1", "rate = 1", "changes `rate`"),
        ('os.Getenv("A")', "os.Hostname()", "by `os.Hostname`"),
    ],
)
def test_findings__of_a_test_that_was_extended_are_those_of_what_is_new(
    old: str, new: str, reason: str
) -> None:
    judge = GoJudge()
    more = 'if Total([]int{1}) != 1 {\n\t\tt.Error("no")\n\t}\n'
    bodies = (f"{old}\n{CHECK}", f"{old}\n{CHECK}{more}", f"{old}\n{CHECK}{new}\n")
    before, harmless, worse = (judge.findings(_code(body, "os time"), MEMBER) for body in bodies)
    assert before["TestTotal"]
    assert added_smells(harmless, before) == {}
    assert reason in added_smells(worse, before)["TestTotal"]
