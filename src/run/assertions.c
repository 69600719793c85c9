/* The policy's assertions: read once, in preflight, so that what is wrong with them costs no
 * downtime and what is checked at the end is what was looked at in the beginning. */
#include "base/error.h"
#include "base/file.h"
#include "migration/splitter.h"
#include "run/context.h"
#include <glob.h>

#define ASSERTION_MAX_BYTES ((size_t)16 * 1024 * 1024)

static void assertion_file_free(AssertionFile *file)
{
    g_free(file->path);
    g_clear_pointer(&file->statements, g_ptr_array_unref);
    g_free(file);
}

static bool load(GPtrArray *files, const char *path, GError **error)
{
    AssertionFile *file = NULL;
    g_autofree char *text = NULL;
    size_t size_bytes = 0;
    if (!file_read(path, ASSERTION_MAX_BYTES, &text, &size_bytes, error))
        return false;
    file = g_new0(AssertionFile, 1);
    g_ptr_array_add(files, file);
    file->path = g_strdup(path);
    file->statements = splitter_split(text, size_bytes, path, error);
    return file->statements != NULL;
}

bool run_load_assertions(Run *run, GError **error)
{
    run->assertions = g_ptr_array_new_with_free_func((GDestroyNotify)assertion_file_free);
    for (char **pattern = run->policy->verify_assertions; *pattern != NULL; pattern++) {
        glob_t matches;
        bool done = glob(*pattern, 0, NULL, &matches) == 0;
        if (!done)
            error_set(error, ERROR_CONFIG, "no file matches the assertions '%s'", *pattern);
        for (size_t i = 0; done && i < matches.gl_pathc; i++)
            done = load(run->assertions, matches.gl_pathv[i], error);
        globfree(&matches);
        if (!done)
            return false;
    }
    return true;
}
