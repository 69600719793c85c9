/* A snapshot's tar: what libarchive makes of files, and that nothing half-made is handed on. */
#include "folder.h"

#include "base/error.h"
#include "snapshot/shipment.h"
#include "snapshot/tar.h"
#include <string.h>
#include <unistd.h>

static char *put(const char *folder, const char *name, size_t size_bytes)
{
    char *path = g_build_filename(folder, name, NULL);
    g_autofree char *text = g_strnfill(size_bytes, 'x');
    assert_true(g_file_set_contents(path, text, (gssize)size_bytes, NULL));
    return path;
}

static char *listing(const char *tar)
{
    g_autofree char *quoted = g_shell_quote(tar);
    g_autofree char *command = g_strdup_printf("tar --numeric-owner -tvf %s", quoted);
    char *text = NULL;
    int status = 0;
    assert_true(g_spawn_command_line_sync(command, &text, NULL, &status, NULL));
    assert_int_equal(status, 0);
    return text;
}

static void files_become_members(void **state)
{
    g_autofree char *out = g_build_filename(*state, "out.tar", NULL);
    g_autofree char *one = put(*state, "one", 0), *two = put(*state, "two", 300000);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    atomic_bool stop = false;
    g_autoptr(TarWriter) tar = tar_writer_new(sink_file_new(out, NULL), "snapshot", &stop, &error);
    assert_non_null(tar);
    assert_true(tar_writer_add(tar, one, "1.dat", &error));
    assert_true(tar_writer_add(tar, two, "2.dat", &error));
    assert_true(tar_writer_finish(tar, &error));
    text = listing(out);
    assert_true(g_regex_match_simple("^drwx------ \\S+ +0 .* snapshot/\n"
                                     "-rw------- \\S+ +0 .* snapshot/1.dat\n"
                                     "-rw------- \\S+ +300000 .* snapshot/2.dat\n$",
                                     text, G_REGEX_DEFAULT, G_REGEX_MATCH_DEFAULT));
}

static void without_its_end_there_is_nothing(void **state)
{
    g_autofree char *out = g_build_filename(*state, "out.tar", NULL);
    g_autofree char *one = put(*state, "one", 1000);
    atomic_bool stop = false;
    TarWriter *tar = tar_writer_new(sink_file_new(out, NULL), "snapshot", &stop, NULL);
    assert_true(tar_writer_add(tar, one, "1.dat", NULL));
    tar_writer_free(tar);
    assert_false(file_exists(out));
}

static void it_gives_up_when_it_is_told(void **state)
{
    g_autofree char *out = g_build_filename(*state, "out.tar", NULL);
    g_autofree char *one = put(*state, "one", 1000);
    g_autoptr(GError) error = NULL;
    atomic_bool stop = true;
    g_autoptr(TarWriter) tar = tar_writer_new(sink_file_new(out, NULL), "snapshot", &stop, NULL);
    assert_false(tar_writer_add(tar, one, "1.dat", &error));
    assert_true(error_is(error, ERROR_FAILED));
}

/* A sink that has room for so much. */
typedef struct {
    Sink sink;
    size_t room;
} Small;

static bool small_write(Sink *sink, const void *data, size_t size_bytes, GError **error)
{
    Small *small = (Small *)sink;
    (void)data;
    if (size_bytes > small->room) {
        error_set(error, ERROR_IO, "no room");
        return false;
    }
    small->room -= size_bytes;
    return true;
}

static bool small_commit(Sink *sink, GError **error)
{
    (void)sink;
    (void)error;
    fail_msg("what failed is committed");
    return false;
}

static void small_discard(Sink *sink)
{
    ((Small *)sink)->room = 0;
}

static Sink *small_sink(size_t room)
{
    static const SinkKind kind = {small_write, small_commit, small_discard};
    Small *small = g_new0(Small, 1);
    small->sink.kind = &kind;
    small->room = room;
    return &small->sink;
}

/* In a header, in a file, and in the end mark. */
static void a_failure_behind_it_is_the_error(void **state)
{
    static const size_t rooms[] = {100, 600, 1030, 2000, 2600};
    g_autofree char *one = put(*state, "one", 1000);
    atomic_bool stop = false;
    for (guint i = 0; i < G_N_ELEMENTS(rooms); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(TarWriter) tar = tar_writer_new(small_sink(rooms[i]), "snapshot", &stop, &error);
        const bool done = tar != NULL && tar_writer_add(tar, one, "1.dat", &error) &&
                          tar_writer_finish(tar, &error);
        assert_false(done);
        assert_string_equal(error->message, "no room");
    }
}

static void a_shipment_takes_files_and_removes_them(void **state)
{
    g_autofree char *out = g_build_filename(*state, "out.tar", NULL);
    g_autofree char *one = put(*state, "1.dat", 10), *two = put(*state, "2.dat", 500000);
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(Shipment) shipment = shipment_new(sink_file_new(out, NULL), *state);
    shipment_add(shipment, "1.dat");
    shipment_add(shipment, "2.dat");
    assert_true(shipment_finish(shipment, &error));
    text = listing(out);
    assert_non_null(strstr(text, " snapshot/2.dat\n"));
    assert_false(file_exists(one));
    assert_false(file_exists(two));
}

static void a_shipment_that_failed_says_so(void **state)
{
    g_autofree char *one = put(*state, "1.dat", 1000000);
    g_autoptr(GError) error = NULL;
    g_autoptr(Shipment) shipment = shipment_new(small_sink(5000), *state);
    shipment_add(shipment, "1.dat");
    while (shipment_check(shipment, NULL))
        g_usleep(1000);
    shipment_add(shipment, "2.dat");
    assert_false(shipment_finish(shipment, &error));
    assert_string_equal(error->message, "no room");
    assert_true(file_exists(one));
}

static void a_shipment_may_be_given_up(void **state)
{
    g_autofree char *out = g_build_filename(*state, "out.tar", NULL);
    Shipment *shipment = shipment_new(sink_file_new(out, NULL), *state);
    g_free(put(*state, "1.dat", 1000));
    shipment_add(shipment, "1.dat");
    shipment_free(shipment);
    assert_false(file_exists(out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(files_become_members, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(without_its_end_there_is_nothing, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(it_gives_up_when_it_is_told, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_failure_behind_it_is_the_error, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_shipment_takes_files_and_removes_them, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(a_shipment_that_failed_says_so, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_shipment_may_be_given_up, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
