#include "migration/directives.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/text.h"
#include "migration/file.h"
#include "migration/sequelize.h"
#include <stdarg.h>
#include <string.h>

#define BLANKS " \t\f\v\r"

Requirement *requirement_new(const char *from, const char *id, const char *path,
                             const SqlComment *comment)
{
    Requirement *requirement = g_new0(Requirement, 1);
    requirement->from = g_strdup(from);
    requirement->id = g_strdup(id);
    requirement->path = g_strdup(path);
    requirement->line = comment->line;
    requirement->column = comment->column;
    return requirement;
}

void requirement_free(Requirement *requirement)
{
    if (requirement == NULL)
        return;
    g_free(requirement->from);
    g_free(requirement->id);
    g_free(requirement->path);
    g_free(requirement);
}

void migration_effect_free(MigrationEffect *effect)
{
    if (effect == NULL)
        return;
    g_free(effect->schema);
    g_free(effect->table);
    g_strfreev(effect->columns);
    g_free(effect);
}

/* One directive: what it says, and where. */
typedef struct {
    Directives *to;
    const SqlComment *comment;
    const char *word;
    const char *rest; /* without blanks at its ends */
} Line;

static bool refuse(const Line *line, GError **error, const char *format, ...) G_GNUC_PRINTF(3, 4);

static bool refuse(const Line *line, GError **error, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *printable = text_printable(message);
    error_set(error, ERROR_CONFIG, "%s:%d:%d: %s", line->to->path, line->comment->line,
              line->comment->column, printable);
    return false;
}

/* ---- one function a directive ---- */

static bool requires(const Line *line, GError **error)
{
    Migration *migration = line->to->migration;
    g_auto(GStrv) ids = g_strsplit_set(line->rest, BLANKS ",", -1);
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    bool any = false;
    for (char **id = migration->depends_on; *id != NULL; id++)
        g_ptr_array_add(all, *id);
    for (char **id = ids; *id != NULL; id++) {
        if (**id == '\0')
            continue;
        any = true;
        if (!migration_is_id(*id) &&
            (!migration->repeatable || migration_name_fault(*id, true) != NULL))
            return refuse(line, error, "requires '%s': an id has %d digits%s", *id,
                          MIGRATION_ID_DIGITS,
                          migration->repeatable ? ", a repeatable one has a name" : "");
        g_ptr_array_add(line->to->requirements,
                        requirement_new(migration->id, *id, line->to->path, line->comment));
        if (!g_ptr_array_find_with_equal_func(all, *id, g_str_equal, NULL))
            g_ptr_array_add(all, g_strdup(*id));
    }
    g_free(migration->depends_on);
    g_ptr_array_add(all, NULL);
    migration->depends_on = (char **)g_ptr_array_steal(all, NULL);
    return any || refuse(line, error, "'requires' names no migration");
}

/* One alias a directive; an extension of JavaScript or TypeScript may stand behind it. */
static bool alias(const Line *line, GError **error)
{
    Migration *migration = line->to->migration;
    g_autofree char *stem = sequelize_stem(line->rest);
    const guint count = g_strv_length(migration->aliases);
    if (*stem == '\0' || strpbrk(stem, BLANKS "/\\") != NULL)
        return refuse(line, error, "alias '%s': it is one file name of the tool that ran it before",
                      line->rest);
    if (g_strv_contains((const char *const *)migration->aliases, stem))
        return refuse(line, error, "alias '%s' is said twice", stem);
    migration->aliases = g_renew(char *, migration->aliases, count + 2);
    migration->aliases[count] = g_steal_pointer(&stem);
    migration->aliases[count + 1] = NULL;
    return true;
}

static bool risk(const Line *line, GError **error)
{
    static const char *const levels[] = {"low", "medium", "high", "critical", NULL};
    if (!g_strv_contains(levels, line->rest))
        return refuse(line, error, "risk '%s': it is low, medium, high or critical", line->rest);
    line->to->migration->risk = g_strdup(line->rest);
    return true;
}

static bool phi(const Line *line, GError **error)
{
    const bool yes = strcmp(line->rest, "yes") == 0;
    if (!yes && strcmp(line->rest, "no") != 0)
        return refuse(line, error, "phi '%s': it is yes or no", line->rest);
    line->to->migration->phi = yes;
    return true;
}

static bool duration(const Line *line, int64_t *out_ms, GError **error)
{
    if (!clock_parse_duration(line->rest, out_ms) || *out_ms <= 0)
        return refuse(line, error, "%s '%s': it is a duration above zero, such as 2s or 10min",
                      line->word, line->rest);
    return true;
}

static bool lock_timeout(const Line *line, GError **error)
{
    return duration(line, &line->to->migration->lock_timeout_ms, error);
}

static bool statement_timeout(const Line *line, GError **error)
{
    return duration(line, &line->to->migration->statement_timeout_ms, error);
}

static bool irreversible(const Line *line, GError **error)
{
    if (*line->rest == '\0')
        return refuse(line, error, "'irreversible' gives no reason");
    line->to->migration->irreversible = g_strdup(line->rest);
    return true;
}

static bool ticket(const Line *line, GError **error)
{
    if (*line->rest == '\0')
        return refuse(line, error, "'ticket' names no ticket");
    line->to->migration->ticket = g_strdup(line->rest);
    return true;
}

/* ---- how the file is committed: up and down files ---- */

static bool transaction(const Line *line, GError **error)
{
    if (strcmp(line->rest, "off") != 0)
        return refuse(line, error, "transaction '%s': it is 'off', or not said", line->rest);
    line->to->file->transaction_off = true;
    return true;
}

static bool commit(const Line *line, GError **error)
{
    const SqlComment *comment = line->comment;
    MigrationFile *file = line->to->file;
    const CommitMark mark = {comment->statements, comment->line, comment->column};
    const unsigned before =
        file->commits->len > 0
            ? g_array_index(file->commits, CommitMark, file->commits->len - 1).statements
            : 0;
    if (*line->rest != '\0')
        return refuse(line, error, "'commit' takes no words: '%s'", line->rest);
    if (!comment->alone || !comment->between)
        return refuse(line, error, "'commit' stands on a line of its own, between statements");
    if (comment->statements == before)
        return refuse(line, error, "'commit' has no statement before it that it could commit");
    g_array_append_val(file->commits, mark);
    return true;
}

bool directives_finish(const Directives *directives, GError **error)
{
    const MigrationFile *file = directives->file;
    const SqlComment nowhere = {0};
    SqlComment at = nowhere;
    Line line = {.to = (Directives *)directives, .comment = &at, .word = "commit", .rest = ""};
    if (file == NULL || file->commits->len == 0)
        return true;
    const CommitMark *last = &g_array_index(file->commits, CommitMark, file->commits->len - 1);
    at.line = last->line;
    at.column = last->column;
    if (last->statements == file->statements->len)
        return refuse(&line, error, "'commit' has no statement behind it");
    if (file->transaction_off) {
        refuse(&line, error, "'commit' in a migration that is 'transaction off'");
        error_hint_set(error, "there each statement is committed by itself: take one of them out");
        return false;
    }
    return true;
}

/* ---- writes, adds, removes ---- */

static void skip_blanks(const char **at)
{
    *at += strspn(*at, BLANKS);
}

/* A name as it is written, or between double quotes, where a doubled one stands for itself. NULL if
 * there is none. */
static char *take_name(const char **at)
{
    skip_blanks(at);
    if (**at != '"') {
        const size_t size = strcspn(*at, BLANKS ".,()\"");
        char *name = size > 0 ? g_strndup(*at, size) : NULL;
        *at += size;
        return name;
    }
    g_autoptr(GString) name = g_string_new(NULL);
    for (const char *c = *at + 1; *c != '\0'; c++) {
        if (*c == '"' && c[1] != '"') {
            *at = c + 1;
            return name->len > 0 ? g_strdup(name->str) : NULL;
        }
        if (*c == '"')
            c++;
        g_string_append_c(name, *c);
    }
    return NULL;
}

static bool take_char(const char **at, char c)
{
    skip_blanks(at);
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* (COLUMN, ...); NULL if malformed. */
static char **take_columns(const char **at)
{
    g_autoptr(GStrvBuilder) columns = g_strv_builder_new();
    do {
        g_autofree char *column = take_name(at);
        if (column == NULL)
            return NULL;
        g_strv_builder_add(columns, column);
    } while (take_char(at, ','));
    return take_char(at, ')') ? g_strv_builder_end(columns) : NULL;
}

static bool effect(const Line *line, EffectKind kind, GError **error)
{
    g_autoptr(MigrationEffect) effect = g_new0(MigrationEffect, 1);
    const char *at = line->rest;
    effect->kind = kind;
    effect->table = take_name(&at);
    if (effect->table != NULL && take_char(&at, '.')) {
        effect->schema = g_steal_pointer(&effect->table);
        effect->table = take_name(&at);
    }
    if (effect->table == NULL)
        return refuse(line, error, "'%s' names no table: it is TABLE or SCHEMA.TABLE%s", line->word,
                      kind == EFFECT_WRITES ? ", with (COLUMN, ...) where only these are written"
                                            : "");
    if (take_char(&at, '(')) {
        if (kind != EFFECT_WRITES)
            return refuse(line, error, "'%s' is about whole rows and takes no columns", line->word);
        effect->columns = take_columns(&at);
        if (effect->columns == NULL)
            return refuse(line, error, "'%s': columns are named as (COLUMN, COLUMN)", line->word);
    }
    skip_blanks(&at);
    if (*at != '\0') {
        refuse(line, error, "'%s': '%s' is one too many", line->word, at);
        error_hint_set(error, "a table a line; names with other characters stand in double quotes");
        return false;
    }
    g_ptr_array_add(line->to->migration->effects, g_steal_pointer(&effect));
    return true;
}

static bool writes(const Line *line, GError **error)
{
    return effect(line, EFFECT_WRITES, error);
}

static bool adds(const Line *line, GError **error)
{
    return effect(line, EFFECT_ADDS, error);
}

static bool removes(const Line *line, GError **error)
{
    return effect(line, EFFECT_REMOVES, error);
}

/* ---- the table, and the line ---- */

static const struct {
    const char *word;
    bool (*apply)(const Line *line, GError **error);
    bool once;
    bool of_file;  /* about the file it stands in, which may be a down file */
    bool anywhere; /* also behind the first statement */
} known[] = {
    {"requires", requires, .once = false},
    {"risk", risk, .once = true},
    {"phi", phi, .once = true},
    {"lock_timeout", lock_timeout, .once = true},
    {"statement_timeout", statement_timeout, .once = true},
    {"irreversible", irreversible, .once = true},
    {"ticket", ticket, .once = true},
    {"alias", alias, .once = false},
    {"writes", writes, .once = false},
    {"adds", adds, .once = false},
    {"removes", removes, .once = false},
    {"transaction", transaction, .once = true, .of_file = true},
    {"commit", commit, .of_file = true, .anywhere = true},
};

static bool unknown(const Line *line, GError **error)
{
    const char *words[G_N_ELEMENTS(known) + 1] = {NULL};
    g_autoptr(GString) list = g_string_new(NULL);
    size_t count = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        words[count++] = known[i].word;
        g_string_append_printf(list, "%s%s", list->len > 0 ? ", " : "", known[i].word);
    }
    const char *nearest = text_nearest(line->word, words);
    if (*line->word == '\0')
        refuse(line, error, "directive without a word");
    else if (nearest != NULL)
        refuse(line, error, "unknown directive '%s': did you mean '%s'?", line->word, nearest);
    else
        refuse(line, error, "unknown directive '%s'", line->word);
    error_hint_set(error, "known directives: %s", list->str);
    return false;
}

static bool apply(const Line *line, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++) {
        if (strcmp(known[i].word, line->word) != 0)
            continue;
        if (known[i].of_file && line->to->file == NULL)
            return refuse(line, error, "'%s' has no place in a %s", line->word,
                          line->to->migration != NULL
                              ? "repeatable migration, which is one transaction"
                              : "verify file");
        if (!known[i].of_file && line->to->migration == NULL)
            return refuse(line, error, "directive '%s' belongs into the .up.sql file", line->word);
        if (!known[i].anywhere && !line->comment->leading)
            return refuse(line, error, "directive '%s' stands behind the first statement",
                          line->word);
        if (known[i].once && (line->to->seen & (1u << i)))
            return refuse(line, error, "directive '%s' is said twice", line->word);
        line->to->seen |= 1u << i;
        return known[i].apply(line, error);
    }
    return unknown(line, error);
}

/* The text behind `drydock:`; NULL if this is another comment. *colon tells whether the colon is
 * there. */
static const char *directive_text(const char *text, bool *colon)
{
    skip_blanks(&text);
    if (g_ascii_strncasecmp(text, "drydock", 7) != 0)
        return NULL;
    text += 7;
    if (*text != ':' && strchr(BLANKS, *text) == NULL)
        return NULL;
    skip_blanks(&text);
    *colon = *text == ':';
    return text + (*colon ? 1 : 0);
}

bool directives_note(const SqlComment *comment, gpointer directives, GError **error)
{
    bool colon = false;
    g_autofree char *copy = g_strndup(comment->text, comment->size_bytes);
    const char *text = directive_text(copy, &colon);
    if (text == NULL)
        return true;
    skip_blanks(&text);
    const size_t size = strcspn(text, BLANKS "(");
    g_autofree char *word = g_strndup(text, size);
    g_autofree char *rest = g_strstrip(g_strdup(text + size));
    const Line line = {.to = directives, .comment = comment, .word = word, .rest = rest};
    if (colon)
        return apply(&line, error);
    /* Prose may begin with the name; a directive that lost its colon must not be passed over. */
    for (size_t i = 0; i < G_N_ELEMENTS(known); i++)
        if (comment->leading && strcmp(word, known[i].word) == 0)
            return refuse(&line, error, "directive without its colon: it is '-- drydock: %s'",
                          word);
    return true;
}
