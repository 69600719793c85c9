#include "pg/redact.h"
#include "pg/redact_statement.h"
#include "pg/redact_words.h"

#include <string.h>

/*
 * Any SQLSTATE can come from a RAISE with a message of its own, so a SQLSTATE alone proves nothing
 * about the words. What is repeated is therefore chosen word by word: a word of the server's own
 * vocabulary, a name of the statement, or a name where the server's messages have names (column
 * "x", type y). All else is a value. What is masked in error costs a word; what is not masked in
 * error would be a row in a log.
 */

#define MASK "[value]"
#define NAME_MAX_BYTES 200

/* Where names of the catalog stand in messages of a class, quoted or not. */
static const char *const OBJECT_WORDS[] = {
    "column",   "relation",   "table",       "constraint",   "index",      "schema",    "sequence",
    "view",     "type",       "enum",        "domain",       "function",   "procedure", "aggregate",
    "trigger",  "role",       "database",    "extension",    "tablespace", "partition", "collation",
    "policy",   "rule",       "publication", "subscription", "parameter",  "encoding",  "language",
    "operator", "statistics", "savepoint",   "cursor",       "server",     "slot",      "option",
    "group",    "user",       "class",       "method",       "identifier", NULL,
};
static const char *const DATA_OBJECT_WORDS[] = {
    "column", "relation", "table",     "constraint", "index", "type",
    "enum",   "domain",   "parameter", "encoding",   NULL,
};
static const char *const DATA_BARE_WORDS[] = {"type", "enum", "domain", NULL};
static const char *const NO_WORDS[] = {NULL};

/* Here the name is what was looked for, and may be made of data (EXECUTE, a cast to regclass): only
 * if the statement has it is it a name. */
static const char *const LOOKED_FOR[] = {"42P01", "42703", "42883", "42704", "42601", "42602",
                                         "42P02", "42622", "3D000", "3F000", NULL};

/* Classes that the server itself uses and whose messages name objects. */
static const char *const CATALOG_CLASSES[] = {"0A", "21", "25", "26", "27", "28", "2B", "2D",
                                              "34", "3B", "3D", "3F", "40", "42", "44", "53",
                                              "54", "55", "57", "58", "HV", "XX", NULL};

static const char *const MODIFIED_TYPES[] = {"varying",   "character", "char",        "varchar",
                                             "bpchar",    "numeric",   "bit",         "time",
                                             "timestamp", "interval",  "timestamptz", NULL};

typedef struct {
    const char *const *quoted_after; /* words behind which a quoted name stands */
    const char *const *bare_after;   /* ... and one without quotes */
    bool statement_names;            /* names of the statement are kept wherever they stand */
} Rules;

typedef struct {
    const RedactStatement *statement;
    Rules rules;
    GString *out;
    gsize masked_at; /* length of out behind the last mask; what follows is blanks and signs only;
                        0: none */
    char *last_word; /* the word just before, if only blanks are between */
    bool kept;       /* a word of the message is left */
} Redaction;

static Rules rules_for(const char *sqlstate)
{
    g_autofree char *class = g_strndup(sqlstate, 2);
    if (g_str_equal(class, "22"))
        return (Rules){DATA_OBJECT_WORDS, DATA_BARE_WORDS, false};
    if (g_str_equal(class, "23"))
        return (Rules){DATA_OBJECT_WORDS, DATA_BARE_WORDS, true};
    if (!g_strv_contains(CATALOG_CLASSES, class) || g_strv_contains(LOOKED_FOR, sqlstate))
        return (Rules){NO_WORDS, NO_WORDS, true};
    return (Rules){OBJECT_WORDS, OBJECT_WORDS, true};
}

static void put(Redaction *redaction, const char *text, size_t size)
{
    g_string_append_len(redaction->out, text, (gssize)size);
}

static void set_last_word(Redaction *redaction, char *word)
{
    g_free(redaction->last_word);
    redaction->last_word = word;
}

static void keep(Redaction *redaction, const char *text, size_t size)
{
    put(redaction, text, size);
    redaction->masked_at = 0;
    redaction->kept = true;
}

/* Masks in a row are one: how many words a value has is nobody's business. */
static void mask(Redaction *redaction)
{
    if (redaction->masked_at > 0) {
        g_string_truncate(redaction->out, redaction->masked_at);
    } else {
        g_string_append(redaction->out, MASK);
        redaction->masked_at = redaction->out->len;
    }
    set_last_word(redaction, NULL);
}

static bool follows(const Redaction *redaction, const char *const *words)
{
    return redaction->last_word && g_strv_contains(words, redaction->last_word);
}

static bool looks_like_name(const char *name)
{
    if (!*name || strlen(name) > NAME_MAX_BYTES)
        return false;
    for (; *name; name++) {
        if (g_ascii_iscntrl(*name))
            return false;
    }
    return true;
}

/* At an opening quote. The server does not double quotes inside a value, so that a value may reach
 * to the last quote there is. */
static const char *redact_quoted(Redaction *redaction, const char *at)
{
    const char quote = *at;
    const char *close = strchr(at + 1, quote);
    if (close) {
        g_autofree char *name = g_strndup(at + 1, (size_t)(close - at - 1));
        g_autofree char *lower = g_ascii_strdown(name, -1);
        bool sign = name[0] && !name[1] && g_ascii_ispunct(name[0]); /* at or near ")" */
        bool in_place = quote == '"' && follows(redaction, redaction->rules.quoted_after);
        bool known = redaction->rules.statement_names &&
                     (sign || redact_statement_has(redaction->statement, name) ||
                      redact_statement_has(redaction->statement, lower));
        if ((in_place || known) && looks_like_name(name) && !redact_is_word(close[1])) {
            keep(redaction, at, (size_t)(close - at + 1));
            set_last_word(redaction, NULL);
            return close + 1;
        }
    }
    mask(redaction);
    const char *last = strrchr(at + 1, quote);
    return last ? last + 1 : at + strlen(at);
}

/* The size of "(10,2)" behind the name of a type that has such modifiers; 0 if it is something
 * else. */
static size_t modifier_size(const Redaction *redaction, const char *at)
{
    if (*at != '(' || !follows(redaction, MODIFIED_TYPES))
        return 0;
    size_t size = 1 + strspn(at + 1, "0123456789,");
    return size > 1 && size < 16 && at[size] == ')' ? size + 1 : 0;
}

/* The operating system's messages begin with a capital, and "No" is where many do: "No space left
 * on device", "No such file or directory". As a value it would not have just these words behind it.
 */
static bool is_system_no(const char *word, const char *behind)
{
    static const char *const texts[] = {" space left on device", " such file or directory",
                                        " such device", NULL};
    if (!g_str_equal(word, "No"))
        return false;
    for (const char *const *text = texts; *text; text++) {
        if (g_str_has_prefix(behind, *text) && !redact_is_word(behind[strlen(*text)]))
            return true;
    }
    return false;
}

static const char *redact_word(Redaction *redaction, const char *at)
{
    size_t size = 0;
    while (redact_is_word(at[size]))
        size++;
    g_autofree char *word = g_strndup(at, size);
    g_autofree char *lower = g_ascii_strdown(word, -1);
    bool known =
        redact_words_has(word) || is_system_no(word, at + size) ||
        (redaction->rules.statement_names && redact_statement_has(redaction->statement, lower));
    if (!known && follows(redaction, redaction->rules.bare_after) && !g_ascii_isdigit(*at)) {
        while (redact_is_word(at[size]) || (at[size] == '.' && redact_is_word(at[size + 1])))
            size++;
        known = true;
    }
    if (!known) {
        mask(redaction);
        return at + size;
    }
    keep(redaction, at, size);
    set_last_word(redaction, g_steal_pointer(&lower));
    size_t modifier = modifier_size(redaction, at + size);
    keep(redaction, at + size, modifier);
    return at + size + modifier;
}

static const char *redact_sign(Redaction *redaction, const char *at)
{
    if (g_ascii_isspace(*at)) {
        put(redaction, " ", 1);
        while (g_ascii_isspace(*at))
            at++;
        return at;
    }
    if (g_ascii_ispunct(*at))
        put(redaction, at, 1);
    set_last_word(redaction, NULL);
    return at + 1;
}

static char *redact_words(const char *sqlstate, const char *message,
                          const RedactStatement *statement)
{
    Redaction redaction = {
        .statement = statement,
        .rules = rules_for(sqlstate),
        .out = g_string_new(NULL),
    };
    const char *at = message;
    while (*at) {
        if (*at == '"' || *at == '\'')
            at = redact_quoted(&redaction, at);
        else if (redact_is_word(*at))
            at = redact_word(&redaction, at);
        else
            at = redact_sign(&redaction, at);
    }
    set_last_word(&redaction, NULL);
    if (redaction.kept)
        return g_string_free(redaction.out, FALSE);
    g_string_free(redaction.out, TRUE);
    return g_strdup("[message of the server]");
}

/* ---- messages that the migration raises ---- */

static bool has_word(const char *text)
{
    while (*text && !redact_is_word(*text))
        text++;
    return *text != '\0';
}

/* How many bytes of message, up to a word border, are the beginning of a literal; *whole: up to its
 * end or to a place where a value is put in. */
static size_t raised_prefix(const char *message, const char *literal, bool *whole)
{
    const char *at = message;
    while (*literal && *at == *literal) {
        bool doubled = literal[0] == '%' && literal[1] == '%';
        if (*literal == '%' && !doubled)
            break;
        literal += doubled ? 2 : 1;
        at++;
    }
    *whole = !*literal || *literal == '%';
    while (at > message && redact_is_word(at[-1]) && redact_is_word(*at))
        at--;
    return (size_t)(at - message);
}

/* The beginning of message that stands in the statement; NULL if there is none. Unless any
 * beginning will do, it must go as far as the first value. */
static char *raised_message(const char *message, const RedactStatement *statement, bool any)
{
    size_t longest = 0;
    for (guint i = 0; i < statement->raised->len; i++) {
        bool whole = false;
        size_t size = raised_prefix(message, statement->raised->pdata[i], &whole);
        if (size > longest && (any || whole))
            longest = size;
    }
    g_autofree char *prefix = g_strndup(message, longest);
    g_strstrip(prefix);
    if (!has_word(prefix))
        return NULL;
    return message[longest] ? g_strconcat(prefix, " [...]", NULL) : g_steal_pointer(&prefix);
}

/* The fixed parts of a RAISE format: what stands between its placeholders, "%%" as "%". */
static GPtrArray *format_parts(const char *format)
{
    GPtrArray *parts = g_ptr_array_new_with_free_func(g_free);
    GString *part = g_string_new(NULL);
    for (; *format; format++) {
        if (format[0] == '%' && format[1] != '%') {
            g_ptr_array_add(parts, g_string_free(part, FALSE));
            part = g_string_new(NULL);
            continue;
        }
        g_string_append_c(part, *format);
        format += format[0] == '%';
    }
    g_ptr_array_add(parts, g_string_free(part, FALSE));
    return parts;
}

/* The message with a mask for each placeholder of the format that it was made from; NULL if it was
 * made from another. */
static char *fill_format(const char *message, const char *format)
{
    g_autoptr(GPtrArray) parts = format_parts(format);
    g_autoptr(GString) out = g_string_new(NULL);
    const char *at = message;
    bool words = false;
    for (guint i = 0; i < parts->len; i++) {
        const char *part = parts->pdata[i];
        const size_t size = strlen(part);
        const char *found = i == 0 ? (g_str_has_prefix(at, part) ? at : NULL) : strstr(at, part);
        if (i > 0 && i + 1 == parts->len && strlen(at) >= size)
            found = g_str_has_suffix(at, part) ? at + strlen(at) - size : NULL;
        /* A value that is glued to a word would be half of one. */
        if (!found || (i > 0 && redact_is_word(part[0])) ||
            (i + 1 < parts->len && size > 0 && redact_is_word(part[size - 1])))
            return NULL;
        g_string_append(out, i > 0 ? MASK : "");
        g_string_append(out, part);
        at = found + size;
        words = words || has_word(part);
    }
    return !*at && parts->len > 1 && words ? g_string_free(g_steal_pointer(&out), FALSE) : NULL;
}

/* The message as the migration's own RAISE has it, without the values; NULL if no format fits. */
static char *raised_format(const char *message, const RedactStatement *statement)
{
    char *best = NULL;
    for (guint i = 0; i < statement->raised->len; i++) {
        char *filled = fill_format(message, statement->raised->pdata[i]);
        if (filled && (!best || strlen(filled) > strlen(best))) {
            g_free(best);
            best = g_steal_pointer(&filled);
        }
        g_free(filled);
    }
    return best;
}

char *redact_hint(const char *sqlstate, const char *hint, const char *statement)
{
    static const char *const classes[] = {"0A", "25", "28", "3D", "42", "53", "54", "55", "57"};
    g_autoptr(RedactStatement) words = redact_statement_new(statement);
    if (g_str_has_prefix(sqlstate, "P0"))
        return raised_message(hint, words, true);
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
        if (g_str_has_prefix(sqlstate, classes[i]))
            return redact_message(sqlstate, hint, statement);
    }
    return NULL;
}

char *redact_message(const char *sqlstate, const char *message, const char *statement)
{
    g_autoptr(RedactStatement) words = redact_statement_new(statement);
    bool raised = g_str_has_prefix(sqlstate, "P0");
    char *repeated = raised ? raised_format(message, words) : NULL;
    if (!repeated)
        repeated = raised_message(message, words, raised);
    if (repeated)
        return repeated;
    if (g_str_equal(sqlstate, "P0001"))
        return g_strdup("[message of the migration]");
    return redact_words(sqlstate, message, words);
}
