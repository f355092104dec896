"""The table of licences is that of the pinned versions; an audit that checked nothing says so."""

from tests.sbom.__main__ import IMAGES, PAGE, licence_of, licence_words, of_image, packages_of, table, verdict

BILL = {
    "bomFormat": "CycloneDX",
    "components": [
        {"bom-ref": "a==1", "name": "A_b", "version": "1", "licenses": [{"license": {"id": "MIT"}}]},
        {
            "bom-ref": "c==2",
            "name": "c",
            "version": "2",
            "licenses": [{"license": {"name": "X :: BSD | old\nand more"}}],
        },
        {"bom-ref": "d==3", "name": "d", "version": "3"},
    ],
    "dependencies": [{"ref": "a==1", "dependsOn": ["c==2", "d==3"]}, {"ref": "c==2"}, {"ref": "d==3"}],
}


def test_the_bill_of_an_image_has_its_packages_alone():
    bill = of_image(BILL, {"a-b", "c"})
    assert [one["name"] for one in bill["components"]] == ["A_b", "c"]
    assert bill["dependencies"] == [{"ref": "a==1", "dependsOn": ["c==2"]}, {"ref": "c==2"}]
    assert bill["bomFormat"] == "CycloneDX"


def test_a_licence_is_a_cell_of_the_table():
    page = table(BILL["components"], {"trainer": {"a-b", "c"}, "all": {"a-b", "c", "d"}})
    assert "| a-b | 1 | MIT | trainer |" in page
    assert "| c | 2 | BSD / old | trainer |" in page
    assert "\n| d |" not in page
    assert licence_words(licence_of({"name": "no-such-package"})) == "not stated"


def test_the_page_names_what_images_install():
    listed = {
        line.split(" | ")[0].removeprefix("| ") for line in PAGE.read_text().splitlines() if line.startswith("| ")
    }
    installed = set().union(*(packages_of(extra) for image, extra in IMAGES.items() if image != "all"))
    assert listed - {"package"} == installed, "run `make sbom`"


def test_an_audit_that_checked_nothing_is_no_good_news():
    skipped = {"name": "b", "skip_reason": "Dependency not found on PyPI and could not be audited"}
    assert verdict([]) == verdict([skipped])
    assert verdict([skipped])[1] == 3
    assert verdict([{"name": "a", "version": "1", "vulns": []}]) == ("1 packages have no known vulnerability", 0)
    assert verdict([skipped, {"name": "a", "version": "1", "vulns": [{"id": "X", "fix_versions": []}]}])[1] == 1
