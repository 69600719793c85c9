/*
 * libFuzzer on what a restore is given: any bytes either are something or give an error with the
 * right exit code, and nothing is left in the spool.
 */
#include "base/error.h"
#include "base/file.h"
#include "snapshot/intake.h"
#include <glib.h>
#include <stdint.h>
#include <stdlib.h>

#define MAX_BYTES ((uint64_t)4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *folder;

static void clean(void)
{
    (void)file_remove_tree(folder, NULL);
}

static bool is_empty(const char *path)
{
    g_autoptr(GDir) list = g_dir_open(path, 0, NULL);
    return list == NULL || g_dir_read_name(list) == NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Intake) intake = NULL;
    if (folder == NULL) {
        folder = g_dir_make_tmp("drydock-fuzz-XXXXXX", NULL);
        g_assert_true(atexit(clean) == 0);
    }
    g_autofree char *input = g_build_filename(folder, "input", NULL);
    g_autofree char *spool = g_build_filename(folder, "spool", NULL);
    g_assert_true(g_file_set_contents(input, (const char *)data, (gssize)size, NULL));
    g_assert_true(file_make_folder(spool, NULL));
    const IntakeOptions options = {.from = input, .spool_parent = spool, .max_bytes = MAX_BYTES};
    intake = intake_open(&options, &error);
    g_assert_true((intake == NULL) == (error != NULL));
    g_assert_true(intake == NULL || file_exists(intake->path));
    const int code = error_exit_code(error);
    g_assert_true(code == 0 || (code >= 2 && code <= 4));
    g_clear_pointer(&intake, intake_free);
    g_assert_true(is_empty(spool));
    return 0;
}
