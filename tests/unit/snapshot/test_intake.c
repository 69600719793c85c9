/* What an archive from outside is taken for, which names are refused, and the bounds of unpacking.
 * The archives themselves are made in tests/integration/test_intake.py. */
#include "folder.h"

#include "base/error.h"
#include "base/file.h"
#include "snapshot/intake.h"
#include "snapshot/intake_detect.h"
#include "snapshot/intake_names.h"
#include "snapshot/intake_spool.h"
#include <string.h>
#include <sys/stat.h>

static void assert_magic(const char *text, IntakeMagic expected)
{
    assert_int_equal(intake_detect(text, strlen(text)), expected);
}

static void text_is_told_from_sql(void **state)
{
    (void)state;
    assert_magic("SET statement_timeout = 0;", MAGIC_SQL);
    assert_magic("\xef\xbb\xbf-- a\n/* b */ create table t();", MAGIC_SQL);
    assert_magic("\\restrict abc\n", MAGIC_SQL);
    assert_magic("\\connect app\n", MAGIC_SQL);
    assert_magic(";;(select 1);", MAGIC_SQL);
    assert_magic("\\! id\n", MAGIC_TEXT);
    assert_magic("selection of words", MAGIC_TEXT);
    assert_magic("-- a comment\n", MAGIC_TEXT);
    assert_magic("id,name\n1,a\n", MAGIC_TEXT);
    assert_magic("", MAGIC_EMPTY);
    assert_int_equal(intake_detect("SELECT\0;", 8), MAGIC_UNKNOWN);
    assert_magic("SELECT '\x01';", MAGIC_UNKNOWN);
    assert_magic("INSERT INTO t VALUES ('\xe4');", MAGIC_SQL); /* Latin-1 */
}

static void beginnings_are_known(void **state)
{
    (void)state;
    assert_magic("\x1f\x8b\x08", MAGIC_GZIP);
    assert_magic("\x28\xb5\x2f\xfd", MAGIC_ZSTD);
    assert_magic("\x5e\x2a\x4d\x18", MAGIC_ZSTD);
    assert_int_equal(intake_detect("\xfd"
                                   "7zXZ\0",
                                   6),
                     MAGIC_XZ);
    assert_magic("BZh91AY&SY", MAGIC_BZIP2);
    assert_magic("BZh9 and more", MAGIC_TEXT);
    assert_magic("PK\x03\x04", MAGIC_ZIP);
    assert_int_equal(intake_detect("PGDMP\x01\x0e\0\x04\x08\x01", 11), MAGIC_CUSTOM);
    assert_int_equal(intake_detect("PGDMP\x01\x0e\0\x04\x08\x03", 11), MAGIC_TOC);
}

/* ---- names ---- */

static bool add(IntakeNames *names, const char *name, bool is_folder, const char *expected)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *file = NULL;
    const bool done = intake_names_add(names, name, is_folder, &file, &error);
    assert_true(done == (error == NULL));
    assert_true(done || error_is(error, ERROR_INTEGRITY));
    assert_string_equal(file != NULL ? file : "-", done ? expected : "-");
    return done;
}

static void files_lie_in_one_folder(void **state)
{
    IntakeNames names;
    (void)state;
    intake_names_init(&names);
    assert_true(add(&names, "./", true, "-"));
    assert_true(add(&names, "var", true, "-"));
    assert_true(add(&names, "./var/dump/toc.dat", false, "toc.dat"));
    assert_true(add(&names, "var//dump/./1.dat", false, "1.dat"));
    assert_true(add(&names, "var/dump/", true, "-"));
    assert_false(add(&names, "var/1.dat", false, NULL));
    assert_false(add(&names, "var/dump/sub/1.dat", false, NULL));
    assert_false(add(&names, "var/dump/sub", true, NULL));
    assert_false(add(&names, "var/du", true, NULL));
    assert_false(add(&names, "1.dat", false, NULL));
    intake_names_clear(&names);
}

static void folders_before_the_first_file_lead_to_it(void **state)
{
    IntakeNames names;
    (void)state;
    intake_names_init(&names);
    assert_true(add(&names, "a", true, "-"));
    assert_true(add(&names, "b", true, "-"));
    assert_false(add(&names, "a/toc.dat", false, NULL));
    intake_names_clear(&names);
}

static void names_that_lead_elsewhere_are_refused(void **state)
{
    static const char *const hostile[] = {
        "/toc.dat",    "..",    "a/../b",    "../b", "a\\b", "C:x",
        "a\x1b[2Jb.c", "a\x7f", "toc.dat\n", "./.",  "",     "/"};
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(hostile); i++) {
        IntakeNames names;
        intake_names_init(&names);
        assert_false(add(&names, hostile[i], false, NULL));
        intake_names_clear(&names);
    }
}

static void members_of_a_dump_are_known(void **state)
{
    static const char *const members[] = {
        "toc.dat",           "1.dat",         "123.dat.gz",   "7.dat.zst",
        "7.dat.lz4",         "blobs.toc",     "blobs_12.toc", "blob_1.dat",
        "blob_16403.dat.gz", "manifest.json", "README.txt",   "restore.sql",
    };
    static const char *const others[] = {
        "toc.dat.gz",
        "dat",
        ".dat",
        "1.dat.xz",
        "1.data",
        "blob_.dat",
        "blob_1.toc",
        "blobs_.toc",
        "1.dat.gz.gz",
        "x1.dat",
        "1.sql",
        "readme.txt",
        "manifest.json.partial",
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++)
        assert_true(intake_is_dump_member(members[i]));
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        assert_false(intake_is_dump_member(others[i]));
}

/* ---- the spool ---- */

static bool is_empty(const char *folder)
{
    g_autoptr(GDir) list = g_dir_open(folder, 0, NULL);
    return g_dir_read_name(list) == NULL;
}

static void the_spool_is_bounded_and_goes_away(void **state)
{
    g_autoptr(GError) error = NULL;
    IntakeSpool *spool = intake_spool_new(*state, 10000, &error);
    struct stat status;
    assert_non_null(spool);
    assert_int_equal(stat(intake_spool_folder(spool), &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    assert_true(intake_spool_allows(spool, 10000, &error));
    assert_false(intake_spool_allows(spool, 10001, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
    g_clear_error(&error);
    assert_false(intake_spool_allows(spool, UINT64_MAX, &error));
    intake_spool_free(spool);
    assert_true(is_empty(*state));
}

static void no_room_is_said(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(IntakeSpool) spool = intake_spool_new(*state, 0, &error);
    assert_false(intake_spool_allows(spool, UINT64_MAX / 2, &error));
    assert_true(error_is(error, ERROR_IO));
    assert_non_null(error_hint(error));
}

static void a_script_is_read_where_it_lies(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = g_build_filename(*state, "a.sql", NULL);
    g_autofree char *spool = g_build_filename(*state, "spool", NULL);
    const IntakeOptions options = {.from = path, .spool_parent = spool};
    assert_true(g_file_set_contents(path,
                                    "--\r\n-- PostgreSQL database dump\r\n--\r\n"
                                    "-- Dumped by pg_dump version 14.9\r\nSELECT 1;\r\n"
                                    "\\connect \"My App\"\r\n"
                                    "-- PostgreSQL database dump complete\r\n",
                                    -1, NULL));
    g_autoptr(Intake) intake = intake_open(&options, &error);
    assert_null(error);
    assert_int_equal(intake->kind, INTAKE_SCRIPT);
    assert_string_equal(intake->path, path);
    assert_string_equal(intake->database, "My App");
    assert_int_equal(intake->dump_version_num, 140000);
    assert_null(intake->spool);
    assert_false(file_exists(spool));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_told_from_sql),
        cmocka_unit_test(beginnings_are_known),
        cmocka_unit_test(files_lie_in_one_folder),
        cmocka_unit_test(folders_before_the_first_file_lead_to_it),
        cmocka_unit_test(names_that_lead_elsewhere_are_refused),
        cmocka_unit_test(members_of_a_dump_are_known),
        cmocka_unit_test_setup_teardown(the_spool_is_bounded_and_goes_away, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(no_room_is_said, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_script_is_read_where_it_lies, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
