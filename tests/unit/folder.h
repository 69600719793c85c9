/* A temporary folder as the state of a test, for cmocka_unit_test_setup_teardown(). */
#ifndef DRYDOCK_TESTS_FOLDER_H
#define DRYDOCK_TESTS_FOLDER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/file.h"
#include <glib.h>

static int make_folder(void **state)
{
    *state = g_dir_make_tmp("drydock-test-XXXXXX", NULL);
    return *state == NULL ? -1 : 0;
}

static int remove_folder(void **state)
{
    const bool removed = file_remove_tree(*state, NULL);
    g_free(*state);
    return removed ? 0 : -1;
}

#endif
