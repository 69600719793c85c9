#include "snapshot/readme.h"

#include "base/file.h"
#include <string.h>

static const char text_format[] =
    "This folder is a complete backup of one PostgreSQL database, as it was at\n"
    "%s. PostgreSQL's own programs bring it back; nothing else is needed.\n"
    "It may hold personal data: keep it as safe as the database.\n"
    "\n"
    "Run these lines in this folder. The programs must be of PostgreSQL %s or newer,\n"
    "and the server not older than %s.\n"
    "\n"
    "1. Check that every file is what it was (jq prints one line for each file):\n"
    "\n"
    "   jq -r '.files[] | .sha256 + \"  \" + .name' manifest.json | sha256sum -c\n"
    "\n"
    "2. Make an empty database, under a name that is not in use:\n"
    "\n"
    "   createdb --template=template0 --encoding=%s --lc-collate=%s --lc-ctype=%s%s %s\n"
    "\n"
    "3. Restore:\n"
    "\n"
    "   pg_restore --exit-on-error --jobs=4 --dbname=%s .\n"
    "\n"
    "   It stops where a role is missing that owns something. manifest.json names the roles\n"
    "   under source.roles; create them (or give --no-owner --no-privileges).\n"
    "\n"
    "4. Let the planner know the data:\n"
    "\n"
    "   vacuumdb --analyze-only %s\n"
    "\n"
    "5. What belongs to the database and is in no archive (owner, access rights, settings)\n"
    "   is in manifest.json under properties. The rows of each table are there under digests,\n"
    "   to be compared with: SELECT count(*) FROM table.\n"
    "\n"
    "6. When it is right, it may take the old name:\n"
    "\n"
    "   ALTER DATABASE ... RENAME TO ...\n";

static char *quoted(const char *text)
{
    return g_shell_quote(text != NULL ? text : "");
}

/* What createdb must be told where the locale is not the operating system's. */
static char *provider_options(const json_t *locale)
{
    const char *provider = json_get_text(locale, "provider");
    g_autofree char *name = quoted(json_get_text(locale, "locale"));
    if (g_strcmp0(provider, "i") == 0)
        return g_strdup_printf(" --locale-provider=icu --icu-locale=%s", name);
    if (g_strcmp0(provider, "b") == 0)
        return g_strdup_printf(" --locale-provider=builtin --builtin-locale=%s", name);
    return g_strdup("");
}

bool readme_write(const Manifest *manifest, const char *folder, GError **error)
{
    const json_t *locale = json_object_get(manifest->source, "locale");
    g_autofree char *encoding = quoted(json_get_text(manifest->source, "encoding"));
    g_autofree char *collate = quoted(json_get_text(locale, "collate"));
    g_autofree char *ctype = quoted(json_get_text(locale, "ctype"));
    g_autofree char *options = provider_options(locale);
    g_autofree char *new_name = g_strconcat(manifest->database, "_restored", NULL);
    g_autofree char *name = g_shell_quote(new_name);
    g_autofree char *path = g_build_filename(folder, "README.txt", NULL);
    const char *taken_at = json_get_text(manifest->source, "taken_at");
    const char *server = json_get_text(manifest->source, "server_version");
    const char *tool = json_get_text(manifest->archive, "pg_dump");
    g_autofree char *text = g_strdup_printf(
        text_format, taken_at != NULL ? taken_at : "an unknown time", tool != NULL ? tool : "?",
        server != NULL ? server : "?", encoding, collate, ctype, options, name, name, name);
    return file_write_atomic(path, text, strlen(text), error);
}
