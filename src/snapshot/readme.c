#include "snapshot/readme.h"

#include <string.h>

static const char text_format[] =
    "This folder is a complete backup of one PostgreSQL database, as it was at\n"
    "%s. PostgreSQL's own programs bring it back; besides them it takes\n"
    "unzstd (of Zstandard), and jq for checking.\n"
    "It may hold personal data: keep it as safe as the database.\n"
    "\n"
    "Run these lines in this folder, or in a copy of it. pg_restore must be of PostgreSQL %s\n"
    "or newer%s, and the server not older than %s.\n"
    "\n"
    "1. Check that every file is what it was (jq prints one line for each file):\n"
    "\n"
    "   jq -r '.files[] | .sha256 + \"  \" + .name' manifest.json | sha256sum -c\n"
    "\n"
    "2. pg_restore of PostgreSQL 16 and newer reads the files as they are. For an older one\n"
    "   (pg_restore --version) unpack them first; afterwards step 1 does not fit any more:\n"
    "\n"
    "   find . -name '*.zst' -exec unzstd --rm -q {} +\n"
    "\n"
    "3. Make an empty database, under a name that is not in use:\n"
    "\n"
    "   createdb --template=template0 --encoding=%s --lc-collate=%s --lc-ctype=%s%s %s\n"
    "\n"
    "4. Restore:\n"
    "\n"
    "   %spg_restore --exit-on-error --jobs=4 --dbname=%s .\n"
    "\n"
    "   It stops where a role is missing that owns something. manifest.json names the roles\n"
    "   under source.roles; create them (or give --no-owner --no-privileges).\n"
    "%s%s"
    "\n"
    "5. Let the planner know the data:\n"
    "\n"
    "   vacuumdb --analyze-only %s\n"
    "\n"
    "6. The rows of each table are in manifest.json under digests, to be compared with:\n"
    "   SELECT count(*) FROM table. When it is right, it may take the old name:\n"
    "\n"
    "   ALTER DATABASE ... RENAME TO ...\n"
    "\n"
    "Instead of steps 3, 4 and the renaming: where there is no database of the name %s,\n"
    "this makes it, with its owner, access rights, settings and comment:\n"
    "\n"
    "   %spg_restore --create --exit-on-error --jobs=4 --dbname=postgres .\n";

/* Older ones empty the table before each part (fixed in all branches in May 2023). */
#define FOR_PARTS                                                                                  \
    " (large tables are in\nparts: not before 13.11, 14.8 or 15.3 of those major versions)"

#define ABOUT_BINARY                                                                               \
    "   Rows are in PostgreSQL's binary format: what pg_restore --file=- writes cannot be fed\n"   \
    "   to psql; restore into a database, as above.\n"

/* All of it must be read as it was written; the setting of the server is another one. */
#define MONEY_OPTIONS "PGOPTIONS='-c lc_monetary=C' "
#define ABOUT_MONEY                                                                                \
    "   Amounts of money are written as lc_monetary = C has them: without PGOPTIONS they may be\n" \
    "   refused, or be other amounts.\n"

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

static bool has_binary(const Manifest *manifest)
{
    for (guint i = 0; i < manifest->files->len; i++) {
        const ManifestFile *file = g_ptr_array_index(manifest->files, i);
        if (file->has_rows && file->copy_format == COPY_BINARY)
            return true;
    }
    return false;
}

bool readme_write(Manifest *manifest, ReadmeFacts facts, const char *folder, GError **error)
{
    const json_t *locale = json_object_get(manifest->source, "locale");
    g_autofree char *encoding = quoted(json_get_text(manifest->source, "encoding"));
    g_autofree char *collate = quoted(json_get_text(locale, "collate"));
    g_autofree char *ctype = quoted(json_get_text(locale, "ctype"));
    g_autofree char *options = provider_options(locale);
    g_autofree char *new_name = g_strconcat(manifest->database, "_restored", NULL);
    g_autofree char *name = g_shell_quote(new_name);
    g_autofree char *own_name = g_shell_quote(manifest->database);
    const char *taken_at = json_get_text(manifest->source, "taken_at");
    const char *server = json_get_text(manifest->source, "server_version");
    const char *tool = json_get_text(manifest->archive, "pg_dump");
    const char *with = facts.has_money ? MONEY_OPTIONS : "";
    g_autofree char *text = g_strdup_printf(
        text_format, taken_at != NULL ? taken_at : "an unknown time", tool != NULL ? tool : "?",
        facts.has_parts ? FOR_PARTS : "", server != NULL ? server : "?", encoding, collate, ctype,
        options, name, with, name, has_binary(manifest) ? ABOUT_BINARY : "",
        facts.has_money ? ABOUT_MONEY : "", name, own_name, with);
    return manifest_write_file(manifest, folder, "README.txt", text, strlen(text), error);
}
