#include "base/file.h"
#include "base/scratch.h"
#include <glib/gstdio.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "folder.h"

static void put_file(const char *folder)
{
    g_autofree char *path = g_build_filename(folder, "file", NULL);
    assert_true(g_file_set_contents(path, "x", 1, NULL));
}

static void it_is_ours_alone_and_goes_with_its_owner(void **state)
{
    Scratch *scratch = scratch_new(*state, "kind", NULL);
    g_autofree char *folder = NULL;
    struct stat status;
    assert_non_null(scratch);
    folder = g_strdup(scratch_folder(scratch));
    assert_int_equal(stat(folder, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    put_file(folder);
    scratch_free(scratch);
    assert_false(file_exists(folder));
}

/* A child makes one and dies without a word; its name comes through a pipe. */
static char *folder_of_the_dead(const char *parent)
{
    int ends[2];
    char name[512] = "";
    pid_t child = 0;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    if (child == 0) {
        const Scratch *scratch = scratch_new(parent, "kind", NULL);
        const char *folder = scratch_folder(scratch);
        put_file(folder);
        if (write(ends[1], folder, strlen(folder)) < 0)
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(read(ends[0], name, sizeof name - 1) > 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    return g_strdup(name);
}

static void the_next_one_removes_those_of_the_dead(void **state)
{
    g_autofree char *dead = folder_of_the_dead(*state);
    g_autoptr(Scratch) other = NULL;
    g_autoptr(Scratch) scratch = NULL;
    assert_true(file_exists(dead));
    other = scratch_new(*state, "other", NULL);
    assert_true(file_exists(dead));
    scratch = scratch_new(*state, "kind", NULL);
    assert_non_null(scratch);
    assert_false(file_exists(dead));
    assert_true(file_exists(scratch_folder(other)));
}

static void those_of_the_living_stay(void **state)
{
    g_autoptr(Scratch) first = scratch_new(*state, "kind", NULL);
    g_autoptr(Scratch) second = scratch_new(*state, "kind", NULL);
    assert_true(file_exists(scratch_folder(first)));
    assert_true(file_exists(scratch_folder(second)));
}

static void a_link_is_not_followed(void **state)
{
    g_autofree char *target = g_build_filename(*state, "target", NULL);
    g_autofree char *name = g_strdup_printf("kind-%u-link", (unsigned)geteuid());
    g_autofree char *link = g_build_filename(*state, name, NULL);
    g_autoptr(Scratch) scratch = NULL;
    assert_int_equal(g_mkdir(target, 0700), 0);
    put_file(target);
    assert_int_equal(symlink(target, link), 0);
    scratch = scratch_new(*state, "kind", NULL);
    assert_non_null(scratch);
    assert_true(file_exists(target));
}

static void an_error_names_the_parent(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *nowhere = g_build_filename(*state, "nowhere", NULL);
    assert_null(scratch_new(nowhere, "kind", &error));
    assert_non_null(strstr(error->message, nowhere));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_is_ours_alone_and_goes_with_its_owner, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(the_next_one_removes_those_of_the_dead, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(those_of_the_living_stay, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_link_is_not_followed, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(an_error_names_the_parent, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
