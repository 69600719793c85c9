#include "snapshot/intake_names.h"

#include "base/error.h"
#include "base/text.h"
#include <string.h>

#define MAX_NAME_BYTES 1024
#define MAX_PART_BYTES 255
#define MAX_FOLDERS 64
#define SHOWN_BYTES 100

void intake_names_init(IntakeNames *names)
{
    names->folder = NULL;
    names->above = g_ptr_array_new_with_free_func(g_free);
}

void intake_names_clear(IntakeNames *names)
{
    g_clear_pointer(&names->folder, g_free);
    g_clear_pointer(&names->above, g_ptr_array_unref);
}

char *intake_printable(const char *name)
{
    g_autofree char *valid = g_utf8_make_valid(name, -1);
    g_autofree char *printable = text_printable(valid);
    return text_shorten(printable, SHOWN_BYTES);
}

static bool refuse(const char *name, const char *why, GError **error)
{
    g_autofree char *shown = intake_printable(name);
    error_set(error, ERROR_INTEGRITY, "the member '%s' %s", shown, why);
    error_hint_set(error, "an archive of pg_dump has nothing of the kind: do not trust it");
    return false;
}

static const char *what_is_wrong(const char *name)
{
    if (name[0] == '/')
        return "has an absolute name";
    if (g_ascii_isalpha(name[0]) && name[1] == ':')
        return "names a drive";
    if (strlen(name) > MAX_NAME_BYTES)
        return "has a name that is too long";
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '\\')
            return "has a backslash in its name";
        if (g_ascii_iscntrl(*c))
            return "has a control character in its name";
    }
    return NULL;
}

/* "./a//b/" is "a/b"; NULL with an error where a part leads upwards. */
static char *normalise(const char *name, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(name, "/", -1);
    g_autoptr(GPtrArray) kept = g_ptr_array_new();
    for (char **part = parts; *part != NULL; part++) {
        if (strcmp(*part, "..") == 0 || strlen(*part) > MAX_PART_BYTES) {
            (void)refuse(name, **part == '.' ? "leads upwards" : "has a name that is too long",
                         error);
            return NULL;
        }
        if (**part != '\0' && strcmp(*part, ".") != 0)
            g_ptr_array_add(kept, *part);
    }
    g_ptr_array_add(kept, NULL);
    return g_strjoinv("/", (char **)kept->pdata);
}

static bool is_above(const char *folder, const char *files)
{
    const size_t size = strlen(folder);
    return size == 0 ||
           (strncmp(folder, files, size) == 0 && (files[size] == '\0' || files[size] == '/'));
}

static bool add_folder(IntakeNames *names, const char *name, const char *path, GError **error)
{
    if (names->folder != NULL)
        return is_above(path, names->folder) || refuse(name, "is a folder among the files", error);
    if (names->above->len >= MAX_FOLDERS)
        return refuse(name, "is one of too many folders", error);
    g_ptr_array_add(names->above, g_strdup(path));
    return true;
}

/* The first file tells the folder, and that those before it lead there. */
static bool first_file(IntakeNames *names, const char *folder, GError **error)
{
    for (guint i = 0; i < names->above->len; i++) {
        const char *above = g_ptr_array_index(names->above, i);
        if (!is_above(above, folder))
            return refuse(above, "is a folder beside the files", error);
    }
    names->folder = g_strdup(folder);
    return true;
}

bool intake_names_add(IntakeNames *names, const char *name, bool is_folder, char **file,
                      GError **error)
{
    const char *wrong = what_is_wrong(name);
    g_autofree char *path = NULL;
    g_autofree char *folder = NULL;
    *file = NULL;
    if (wrong != NULL)
        return refuse(name, wrong, error);
    path = normalise(name, error);
    if (path == NULL)
        return false;
    if (is_folder)
        return add_folder(names, name, path, error);
    if (path[0] == '\0')
        return refuse(name, "is a file without a name", error);
    char *slash = strrchr(path, '/');
    folder = slash != NULL ? g_strndup(path, (size_t)(slash - path)) : g_strdup("");
    if (names->folder == NULL && !first_file(names, folder, error))
        return false;
    if (strcmp(folder, names->folder) != 0)
        return refuse(name, "lies in another folder than the ones before it", error);
    *file = g_strdup(slash != NULL ? slash + 1 : path);
    return true;
}

static const char *digits(const char *text)
{
    const char *at = text;
    while (g_ascii_isdigit(*at))
        at++;
    return at > text ? at : NULL;
}

static bool ends_as(const char *text, const char *suffix)
{
    static const char *const compressed[] = {"", ".gz", ".lz4", ".zst"};
    if (text == NULL || !g_str_has_prefix(text, suffix))
        return false;
    for (size_t i = 0; i < G_N_ELEMENTS(compressed); i++)
        if (strcmp(text + strlen(suffix), compressed[i]) == 0)
            return true;
    return false;
}

/* N.dat, blob_N.dat, blobs.toc, blobs_N.toc, also compressed: pg_backup_directory.c. */
static bool is_data_member(const char *name)
{
    if (g_str_has_prefix(name, "blob_"))
        return ends_as(digits(name + 5), ".dat");
    if (g_str_has_prefix(name, "blobs_"))
        return ends_as(digits(name + 6), ".toc");
    return ends_as(digits(name), ".dat") || ends_as(name, "blobs.toc");
}

bool intake_is_dump_member(const char *name)
{
    static const char *const others[] = {"toc.dat", "restore.sql", "manifest.json", "README.txt"};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        if (strcmp(name, others[i]) == 0)
            return true;
    return is_data_member(name);
}
