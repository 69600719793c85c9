/* The database that an archive speaks of: another name, other properties (dumpDatabase() in
 * pg_dump.c). */
#include "snapshot/toc.h"

#include "base/error.h"
#include "pg/connection.h"
#include "snapshot/toc_private.h"
#include <string.h>

/* The statements that an entry holds. */
typedef enum { KIND_COMMENT, KIND_LABEL, KIND_ACL, KIND_PROPERTIES, KIND_COUNT } Kind;

/* In the order in which pg_dump has them, behind the DATABASE entry. */
static const struct {
    const char *desc;
    TocSection section;
} kinds[KIND_COUNT] = {
    [KIND_COMMENT] = {"COMMENT", TOC_SECTION_NONE},
    [KIND_LABEL] = {"SECURITY LABEL", TOC_SECTION_NONE},
    [KIND_ACL] = {"ACL", TOC_SECTION_NONE},
    [KIND_PROPERTIES] = {"DATABASE PROPERTIES", TOC_PRE_DATA},
};

static void set(char **text, char *value)
{
    g_free(*text);
    *text = value;
}

/* ---- which entries ---- */

static bool is_kind(const TocEntry *entry, Kind kind)
{
    return strcmp(entry->desc, kinds[kind].desc) == 0 &&
           (kind == KIND_PROPERTIES || g_str_has_prefix(entry->tag, "DATABASE "));
}

static bool is_property(const TocEntry *entry)
{
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        if (is_kind(entry, (Kind)kind))
            return true;
    }
    return false;
}

static TocEntry *find_database(const Toc *toc, GError **error)
{
    TocEntry *found = NULL;
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (strcmp(entry->desc, "DATABASE") != 0)
            continue;
        if (found != NULL) {
            error_set(error, ERROR_INTEGRITY, "the archive describes two databases, '%s' and '%s'",
                      found->tag, entry->tag);
            return NULL;
        }
        found = entry;
    }
    if (found == NULL)
        error_set(error, ERROR_INTEGRITY, "the archive does not describe its database");
    return found;
}

/* As pg_dump tags what belongs to a database. */
static char *property_tag(const char *name)
{
    g_autofree char *quoted = pg_identifier(name);
    const size_t plain = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    const bool bare = name[plain] == '\0' && !g_ascii_isdigit(name[0]);
    return g_strconcat("DATABASE ", bare ? name : quoted, NULL);
}

/* ---- the DATABASE entry ---- */

/* Puts another name behind words, where the old one must be. */
static bool rename_behind(const char *words, char **text, const char *from, const char *to,
                          GError **error)
{
    g_autofree char *name = NULL;
    const char *rest =
        g_str_has_prefix(*text, words) ? toc_name_read(*text + strlen(words), &name) : NULL;
    if (rest == NULL || strcmp(name, from) != 0) {
        error_set(error, ERROR_INTEGRITY,
                  "the archive's statement for the database '%s' is none that pg_dump writes",
                  from);
        return false;
    }
    g_autofree char *quoted = pg_identifier(to);
    set(text, g_strconcat(words, quoted, rest, NULL));
    return true;
}

static bool rename_database(TocEntry *entry, const char *name, const char *owner, GError **error)
{
    g_autofree char *defn = g_strdup(entry->defn != NULL ? entry->defn : "");
    g_autofree char *drop = g_strdup(entry->drop != NULL ? entry->drop : "");
    if (!rename_behind("CREATE DATABASE ", &defn, entry->tag, name, error) ||
        !rename_behind("DROP DATABASE ", &drop, entry->tag, name, error))
        return false;
    set(&entry->defn, g_steal_pointer(&defn));
    set(&entry->drop, g_steal_pointer(&drop));
    set(&entry->tag, g_strdup(name));
    if (owner != NULL)
        set(&entry->owner, g_strdup(owner));
    return true;
}

/* pg_restore --clean cannot drop a template. */
static char *drop_template(const char *name)
{
    g_autofree char *literal = pg_literal(name);
    return g_strdup_printf(
        "UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = %s;\n", literal);
}

/* ---- the archive's own properties, renamed ---- */

/* What a quote begins, to behind the quote that ends it; a doubled one goes on with it. */
static const char *skip_quoted(const char *text)
{
    const char *end = strchr(text + 1, *text);
    return end != NULL ? end + 1 : text + strlen(text);
}

static const char *skip_word(const char *text)
{
    while (*text == '_' || g_ascii_isalnum(*text) || (*text & 0x80) != 0)
        text++;
    return text;
}

/* If the text behind the word DATABASE is the old name, appends the new one. */
static const char *replace_name(GString *out, const char *text, const char *from, const char *to)
{
    g_autofree char *name = NULL;
    const char *behind = *text == ' ' ? toc_name_read(text + 1, &name) : NULL;
    if (behind == NULL || strcmp(name, from) != 0)
        return text;
    g_string_append_printf(out, " %s", to);
    return behind;
}

/* pg_dump writes keywords in capitals, names never: a role may be called "database", and names and
 * values may hold statements. */
static char *rename_in_statements(const char *text, const char *from, const char *to)
{
    static const char word[] = "DATABASE";
    GString *out = g_string_new(NULL);
    g_autofree char *quoted = pg_identifier(to);
    while (*text != '\0') {
        const char *begin = text;
        const bool quote = *text == '\'' || *text == '"';
        text = quote ? skip_quoted(text) : skip_word(text);
        if (text == begin)
            text++;
        g_string_append_len(out, begin, text - begin);
        if (text - begin == (ptrdiff_t)strlen(word) && strncmp(begin, word, strlen(word)) == 0)
            text = replace_name(out, text, from, quoted);
    }
    return g_string_free(out, FALSE);
}

static void rename_property(TocEntry *entry, const char *from, const char *to, const char *owner)
{
    if (entry->defn != NULL)
        set(&entry->defn, rename_in_statements(entry->defn, from, to));
    if (entry->drop != NULL && entry->drop[0] != '\0')
        set(&entry->drop, drop_template(to));
    set(&entry->tag, is_kind(entry, KIND_PROPERTIES) ? g_strdup(to) : property_tag(to));
    if (owner != NULL)
        set(&entry->owner, g_strdup(owner));
}

/* ---- properties made anew ---- */

static Kind classify(const char *statement)
{
    static const struct {
        const char *begins;
        Kind kind;
    } forms[] = {
        {"COMMENT ON DATABASE ", KIND_COMMENT},
        {"SECURITY LABEL ", KIND_LABEL},
        {"GRANT ", KIND_ACL},
        {"REVOKE ", KIND_ACL},
        {"SET LOCAL ROLE ", KIND_ACL}, /* a grant by somebody else than the owner */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(forms); i++) {
        if (g_str_has_prefix(statement, forms[i].begins))
            return forms[i].kind;
    }
    return KIND_PROPERTIES;
}

/* pg_restore gives the database to the DATABASE entry's owner by itself, unless it shall not. */
static bool is_owner_change(const char *statement, const char *name)
{
    g_autofree char *quoted = pg_identifier(name);
    g_autofree char *begins = g_strconcat("ALTER DATABASE ", quoted, " OWNER TO ", NULL);
    return g_str_has_prefix(statement, begins);
}

/* A script of pg_restore has no transaction in which LOCAL would mean something. */
static void append_statement(GString *text, const char *statement)
{
    static const char local[] = "SET LOCAL ROLE ";
    if (g_str_has_prefix(statement, local))
        g_string_append_printf(text, "SET ROLE %s;\n", statement + strlen(local));
    else
        g_string_append_printf(text, "%s;\n", statement);
}

static char *statements_of_kind(const GPtrArray *statements, Kind kind, const char *name)
{
    GString *text = g_string_new(NULL);
    for (guint i = 0; i < statements->len; i++) {
        const char *statement = g_ptr_array_index(statements, i);
        if (classify(statement) == kind && !is_owner_change(statement, name))
            append_statement(text, statement);
    }
    return g_string_free(text, FALSE);
}

static bool makes_template(const char *text, const char *name)
{
    g_autofree char *quoted = pg_identifier(name);
    g_autofree char *statement =
        g_strconcat("ALTER DATABASE ", quoted, " IS_TEMPLATE true;\n", NULL);
    return strstr(text, statement) != NULL;
}

/* Takes defn. */
static TocEntry *new_property(const TocEntry *database, Kind kind, int id, char *defn)
{
    TocEntry *entry = g_new0(TocEntry, 1);
    const bool properties = kind == KIND_PROPERTIES;
    entry->id = id;
    entry->table_oid = g_strdup("0");
    entry->oid = g_strdup("0");
    entry->tag = properties ? g_strdup(database->tag) : property_tag(database->tag);
    entry->desc = g_strdup(kinds[kind].desc);
    entry->section = kinds[kind].section;
    entry->defn = defn;
    if (properties)
        entry->drop =
            makes_template(defn, database->tag) ? drop_template(database->tag) : g_strdup("");
    entry->owner = g_strdup(database->owner);
    entry->with_oids = g_strdup("false");
    entry->deps = g_array_new(FALSE, FALSE, sizeof(int));
    g_array_append_val(entry->deps, database->id);
    return entry;
}

static void remove_properties(Toc *toc)
{
    for (guint i = toc->entries->len; i > 0; i--) {
        if (is_property(g_ptr_array_index(toc->entries, i - 1)))
            g_ptr_array_remove_index(toc->entries, i - 1);
    }
}

static void insert_properties(Toc *toc, const TocEntry *database, const GPtrArray *statements)
{
    guint at = 0;
    const bool found = g_ptr_array_find(toc->entries, database, &at);
    int id = toc_next_id(toc);
    g_assert(found);
    for (int kind = 0; kind < KIND_COUNT; kind++) {
        char *defn = statements_of_kind(statements, (Kind)kind, database->tag);
        if (defn[0] == '\0') {
            g_free(defn);
            continue;
        }
        at++;
        g_ptr_array_insert(toc->entries, (int)at, new_property(database, (Kind)kind, id, defn));
        id++;
    }
}

bool toc_set_database(Toc *toc, const char *name, const char *owner, const GPtrArray *statements,
                      GError **error)
{
    TocEntry *database = find_database(toc, error);
    if (database == NULL)
        return false;
    g_autofree char *from = g_strdup(database->tag);
    if (!rename_database(database, name, owner, error))
        return false;
    set(&toc->database, g_strdup(name));
    if (statements != NULL) {
        remove_properties(toc);
        insert_properties(toc, database, statements);
        return true;
    }
    for (guint i = 0; i < toc->entries->len; i++) {
        TocEntry *entry = g_ptr_array_index(toc->entries, i);
        if (is_property(entry))
            rename_property(entry, from, name, owner);
    }
    return true;
}
