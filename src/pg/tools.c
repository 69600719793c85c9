#include "pg/tools.h"

#include "base/child.h"
#include "base/error.h"
#include <glob.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VERSION_TIMEOUT_MS 10000

typedef struct {
    char *path;
    char *version; /* "15.18", "16beta1" */
    int major, minor;
} Tool;

static void tool_free(Tool *tool)
{
    g_free(tool->path);
    g_free(tool->version);
    g_free(tool);
}

static bool is_program(const char *path)
{
    return g_file_test(path, G_FILE_TEST_IS_REGULAR) && access(path, X_OK) == 0;
}

/* Debian's /usr/bin/pg_dump is a script that chooses a version by its own rules; the programs that
 * it chooses from are found where they are. */
static bool is_wrapper(const char *path)
{
    g_autofree char *real = NULL;
    char *resolved = realpath(path, NULL);
    real = resolved != NULL ? g_path_get_basename(resolved) : NULL;
    free(resolved);
    return g_strcmp0(real, "pg_wrapper") == 0;
}

static void add_candidate(GPtrArray *paths, const char *folder, const char *program)
{
    g_autofree char *path = g_build_filename(folder, program, NULL);
    if (is_program(path) && !is_wrapper(path) &&
        !g_ptr_array_find_with_equal_func(paths, path, g_str_equal, NULL))
        g_ptr_array_add(paths, g_steal_pointer(&path));
}

static void add_matching(GPtrArray *paths, const char *pattern, const char *program)
{
    glob_t found;
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++)
            add_candidate(paths, found.gl_pathv[i], program);
    }
    globfree(&found);
}

static GPtrArray *list_candidates(const char *program)
{
    GPtrArray *paths = g_ptr_array_new_with_free_func(g_free);
    const char *chosen = g_getenv("DRYDOCK_PG_BIN");
    const char *path = g_getenv("PATH");
    if (chosen != NULL && chosen[0] != '\0') {
        add_candidate(paths, chosen, program);
        return paths;
    }
    add_matching(paths, "/usr/lib/postgresql/*/bin", program);
    add_matching(paths, "/usr/pgsql-*/bin", program);
    if (path != NULL) {
        g_auto(GStrv) folders = g_strsplit(path, ":", -1);
        for (char **folder = folders; *folder != NULL; folder++) {
            if (g_path_is_absolute(*folder))
                add_candidate(paths, *folder, program);
        }
    }
    return paths;
}

/* Reads the "15.18" of "pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)". */
static bool parse_version(const char *output, Tool *tool)
{
    static const char mark[] = "(PostgreSQL) ";
    const char *at = strstr(output, mark);
    char *end = NULL;
    if (at == NULL)
        return false;
    at += strlen(mark);
    tool->major = (int)g_ascii_strtoll(at, &end, 10);
    if (end == at)
        return false;
    tool->minor = *end == '.' ? (int)g_ascii_strtoll(end + 1, NULL, 10) : 0;
    tool->version = g_strndup(at, strcspn(at, " \n"));
    return true;
}

/* Asks the program for its version; NULL with an error if it cannot say. */
static Tool *ask_version(const char *path, GError **error)
{
    const char *const argv[] = {path, "--version", NULL};
    g_autoptr(Child) child = child_start(argv, NULL, error);
    bool ended = false;
    Tool *tool = NULL;
    if (child == NULL || !child_wait(child, VERSION_TIMEOUT_MS, &ended, error))
        return NULL;
    if (!ended) {
        error_set(error, ERROR_CHILD, "'%s --version' gave no answer in %d s", path,
                  VERSION_TIMEOUT_MS / 1000);
        return NULL;
    }
    if (!child_check(child, error))
        return NULL;
    tool = g_new0(Tool, 1);
    if (!parse_version(child_output(child), tool)) {
        error_set(error, ERROR_CHILD, "'%s --version' does not name a PostgreSQL version", path);
        tool_free(tool);
        return NULL;
    }
    tool->path = g_strdup(path);
    return tool;
}

/* Asks every candidate. What cannot answer is noted in found and passed over; false at a signal. */
static bool ask_all(const GPtrArray *paths, GPtrArray *tools, GString *found, GError **error)
{
    for (guint i = 0; i < paths->len; i++) {
        const char *path = g_ptr_array_index(paths, i);
        g_autoptr(GError) cause = NULL;
        Tool *tool = ask_version(path, &cause);
        const char *comma = found->len > 0 ? ", " : "";
        if (tool != NULL) {
            g_string_append_printf(found, "%s%s (%s)", comma, path, tool->version);
            g_ptr_array_add(tools, tool);
        } else if (error_is(cause, ERROR_INTERRUPTED)) {
            g_propagate_error(error, g_steal_pointer(&cause));
            return false;
        } else {
            g_string_append_printf(found, "%s%s (does not run)", comma, path);
        }
    }
    return true;
}

/* ---- known holes ---- */

/*
 * The first minor versions without a known hole, by major version; one that is older than all of
 * them gets no fixes any more. CVE-2026-116314: pg_restore runs code from a crafted archive that is
 * not plain. CVE-2026-19385: pg_dump writes past a buffer, led by a crafted catalog.
 */
typedef struct {
    int major, restore, dump;
} Floor;

static const Floor floors[] = {
    {14, 25, 24}, {15, 20, 19}, {16, 16, 15}, {17, 12, 11}, {18, 7, 6},
};

#define RESTORE_HOLE "CVE-2026-116314"
#define DUMP_HOLE "CVE-2026-19385"

static const Floor *floor_of(int major)
{
    for (size_t i = 0; i < G_N_ELEMENTS(floors); i++)
        if (floors[i].major == major)
            return &floors[i];
    return NULL;
}

static bool has_restore_hole(const Tool *tool)
{
    const Floor *known = floor_of(tool->major);
    return known != NULL ? tool->minor < known->restore : tool->major < floors[0].major;
}

static char *list_safe_versions(void)
{
    GString *list = g_string_new(NULL);
    for (size_t i = G_N_ELEMENTS(floors); i > 0; i--)
        g_string_append_printf(list, "%d.%d, ", floors[i - 1].major, floors[i - 1].restore);
    g_string_append(list, "or newer");
    return g_string_free(list, FALSE);
}

/* ---- the choice ---- */

static bool is_nearer(const Tool *tool, const Tool *best, bool newest)
{
    if (best == NULL)
        return true;
    if (tool->major != best->major)
        return newest ? tool->major > best->major : tool->major < best->major;
    return tool->minor > best->minor;
}

static const Tool *choose(const GPtrArray *tools, int major, bool newest, bool safe)
{
    const Tool *best = NULL;
    for (guint i = 0; i < tools->len; i++) {
        const Tool *tool = g_ptr_array_index(tools, i);
        if (tool->major >= major && !(safe && has_restore_hole(tool)) &&
            is_nearer(tool, best, newest))
            best = tool;
    }
    return best;
}

/* purpose: "work with a server of version 15" */
static void set_none_fits(const char *program, const char *purpose, int major, const GString *found,
                          GError **error)
{
    const char *chosen = g_getenv("DRYDOCK_PG_BIN");
    g_autofree char *wanted =
        major > 0 ? g_strdup_printf("PostgreSQL %d", major) : g_strdup("PostgreSQL");
    if (chosen != NULL && chosen[0] != '\0') {
        error_set(error, ERROR_CONFIG,
                  "cannot find a %s that can %s in '%s' (DRYDOCK_PG_BIN); found: %s", program,
                  purpose, chosen, found->len > 0 ? found->str : "none");
        error_hint_set(error, "set DRYDOCK_PG_BIN to the folder of the %s programs, or unset it",
                       wanted);
        return;
    }
    error_set(error, ERROR_CONFIG, "cannot find a %s that can %s; found: %s", program, purpose,
              found->len > 0 ? found->str : "none");
    error_hint_set(error, "install the %s client programs, or name their folder in DRYDOCK_PG_BIN",
                   wanted);
}

static void set_known_hole(const GString *found, GError **error)
{
    g_autofree char *safe = list_safe_versions();
    error_set(error, ERROR_REFUSED,
              "no pg_restore that fits is safe: what is installed runs code from a crafted archive "
              "(%s); found: %s",
              RESTORE_HOLE, found->str);
    error_hint_set(error,
                   "install pg_restore %s; or, for an archive whose origin you trust, "
                   "--allow-known-holes",
                   safe);
}

static char *give(const Tool *tool, char **version)
{
    if (version != NULL)
        *version = g_strdup(tool->version);
    return g_strdup(tool->path);
}

/* Every installed program of that name; *found tells of them in words. */
static GPtrArray *list_tools(const char *program, GString *found, GError **error)
{
    g_autoptr(GPtrArray) paths = list_candidates(program);
    g_autoptr(GPtrArray) tools = g_ptr_array_new_with_free_func((GDestroyNotify)tool_free);
    return ask_all(paths, tools, found, error) ? g_steal_pointer(&tools) : NULL;
}

char *pg_tool_find(const char *program, int server_version_num, char **version, GError **error)
{
    const int major = server_version_num / 10000;
    g_autoptr(GString) found = g_string_new(NULL);
    g_autoptr(GPtrArray) tools = list_tools(program, found, error);
    const Tool *best = tools != NULL ? choose(tools, major, false, false) : NULL;
    if (best != NULL)
        return give(best, version);
    if (tools != NULL) {
        g_autofree char *purpose = g_strdup_printf("work with a server of version %d", major);
        set_none_fits(program, purpose, major, found, error);
    }
    return NULL;
}

char *pg_tool_find_restore(int dump_version_num, bool allow_known_holes, char **version,
                           GError **error)
{
    const int major = dump_version_num / 10000;
    g_autoptr(GString) found = g_string_new(NULL);
    g_autoptr(GPtrArray) tools = list_tools("pg_restore", found, error);
    const Tool *any = NULL, *safe = NULL;
    if (tools == NULL)
        return NULL;
    any = choose(tools, major, major == 0, false);
    safe = choose(tools, major, major == 0, true);
    if (safe != NULL || (any != NULL && allow_known_holes))
        return give(safe != NULL ? safe : any, version);
    if (any != NULL) {
        set_known_hole(found, error);
        return NULL;
    }
    g_autofree char *purpose = major > 0 ? g_strdup_printf("read an archive of pg_dump %d", major)
                                         : g_strdup("read a pg_dump archive");
    set_none_fits("pg_restore", purpose, major, found, error);
    return NULL;
}

char *pg_tool_dump_warning(const char *version)
{
    char *end = NULL;
    const int major = (int)g_ascii_strtoll(version, &end, 10);
    const int minor = *end == '.' ? (int)g_ascii_strtoll(end + 1, NULL, 10) : 0;
    const Floor *known = floor_of(major);
    if (known == NULL && major < floors[0].major)
        return g_strdup_printf("pg_dump %s gets no fixes any more (%s)", version, DUMP_HOLE);
    if (known == NULL || minor >= known->dump)
        return NULL;
    return g_strdup_printf("pg_dump %s has a known hole (%s), which %d.%d mends", version,
                           DUMP_HOLE, known->major, known->dump);
}
