#include "pg/redact_statement.h"

#include <string.h>

/* Code in a literal in code in a literal ... */
#define MAX_DEPTH 4

typedef enum { TOKEN_END, TOKEN_WORD, TOKEN_NAME, TOKEN_LITERAL, TOKEN_OTHER } TokenKind;

typedef struct {
    TokenKind kind;
    char *text; /* without quotes; words in lower case */
} Token;

static void token_clear(Token *token)
{
    g_clear_pointer(&token->text, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Token, token_clear)

bool redact_is_word(char c)
{
    return g_ascii_isalnum(c) || c == '_' || c == '$' || (c & 0x80) != 0;
}

static const char *skip_block_comment(const char *at)
{
    int depth = 0;
    do {
        if (at[0] == '/' && at[1] == '*') {
            depth++;
            at += 2;
        } else if (at[0] == '*' && at[1] == '/') {
            depth--;
            at += 2;
        } else if (*at) {
            at++;
        }
    } while (*at && depth > 0);
    return at;
}

static const char *skip_blanks(const char *at)
{
    while (*at) {
        if (g_ascii_isspace(*at))
            at++;
        else if (at[0] == '-' && at[1] == '-')
            at += strcspn(at, "\n");
        else if (at[0] == '/' && at[1] == '*')
            at = skip_block_comment(at);
        else
            break;
    }
    return at;
}

/* at is behind the opening quote; gives what follows the closing one. */
static const char *read_quoted(const char *at, char quote, bool escapes, GString *text)
{
    while (*at) {
        if (*at == quote) {
            if (at[1] != quote)
                return at + 1;
            at++;
        } else if (escapes && at[0] == '\\' && at[1]) {
            at++;
        }
        g_string_append_c(text, *at++);
    }
    return at;
}

/* The length of $tag$ at the start of at; 0 if there is none. */
static size_t dollar_tag(const char *at)
{
    if (*at != '$' || g_ascii_isdigit(at[1]))
        return 0;
    size_t size = 1;
    while (at[size] != '$' && redact_is_word(at[size]))
        size++;
    return at[size] == '$' ? size + 1 : 0;
}

static const char *read_dollar(const char *at, size_t tag_size, char **text)
{
    g_autofree char *tag = g_strndup(at, tag_size);
    const char *body = at + tag_size;
    const char *end = strstr(body, tag);
    *text = end ? g_strndup(body, (size_t)(end - body)) : g_strdup(body);
    return end ? end + tag_size : body + strlen(body);
}

static const char *next_token(const char *at, Token *token)
{
    at = skip_blanks(at);
    token_clear(token);
    size_t tag_size = dollar_tag(at);
    bool escapes = (*at == 'E' || *at == 'e') && at[1] == '\'';
    if (!*at) {
        token->kind = TOKEN_END;
    } else if (tag_size > 0) {
        token->kind = TOKEN_LITERAL;
        at = read_dollar(at, tag_size, &token->text);
    } else if (*at == '\'' || *at == '"' || escapes) {
        GString *text = g_string_new(NULL);
        token->kind = *at == '"' ? TOKEN_NAME : TOKEN_LITERAL;
        const char quote = *at == '"' ? '"' : '\'';
        at = read_quoted(at + (escapes ? 2 : 1), quote, escapes, text);
        token->text = g_string_free(text, FALSE);
    } else if (redact_is_word(*at) && !g_ascii_isdigit(*at)) {
        const char *start = at;
        while (redact_is_word(*at))
            at++;
        token->kind = TOKEN_WORD;
        token->text = g_ascii_strdown(start, at - start);
    } else {
        token->kind = TOKEN_OTHER;
        token->text = g_strndup(at, 1);
        at++;
        while (g_ascii_isdigit(token->text[0]) && redact_is_word(*at))
            at++;
    }
    return at;
}

static bool is_word(const Token *token, const char *word)
{
    return token->kind == TOKEN_WORD && g_str_equal(token->text, word);
}

/* What the literals of a piece of code are. */
typedef struct {
    bool body_anywhere; /* DO: every literal is code */
    bool body_after_as; /* CREATE FUNCTION */
    bool in_body;       /* RAISE and EXECUTE mean what they mean in PL/pgSQL */
} CodeKind;

static CodeKind code_kind(const char *sql)
{
    g_auto(Token) token = {0};
    const char *at = next_token(sql, &token);
    CodeKind kind = {.body_anywhere = is_word(&token, "do")};
    if (!is_word(&token, "create"))
        return kind;
    at = next_token(at, &token);
    if (is_word(&token, "or")) {
        at = next_token(at, &token);
        (void)next_token(at, &token);
    }
    kind.body_after_as = is_word(&token, "function") || is_word(&token, "procedure");
    return kind;
}

static void read_code(RedactStatement *statement, const char *sql, CodeKind kind, int depth)
{
    g_auto(Token) token = {0};
    bool raising = false, executing = false, after_as = false;
    const char *at = sql;
    for (;;) {
        at = next_token(at, &token);
        if (token.kind == TOKEN_END)
            return;
        if (token.kind == TOKEN_LITERAL) {
            bool body = kind.body_anywhere || (kind.body_after_as && after_as);
            if (raising)
                g_ptr_array_add(statement->raised, g_strdup(token.text));
            if ((body || executing) && depth < MAX_DEPTH)
                read_code(statement, token.text, (CodeKind){.in_body = true}, depth + 1);
        } else if (token.kind == TOKEN_OTHER) {
            raising = raising && token.text[0] != ';';
            executing = executing && token.text[0] != ';';
        } else {
            g_hash_table_add(statement->names, g_strdup(token.text));
            raising = raising ||
                      (kind.in_body && (is_word(&token, "raise") || is_word(&token, "assert")));
            executing = executing || (kind.in_body && is_word(&token, "execute"));
        }
        after_as = is_word(&token, "as");
    }
}

RedactStatement *redact_statement_new(const char *sql)
{
    RedactStatement *statement = g_new0(RedactStatement, 1);
    statement->names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    statement->raised = g_ptr_array_new_with_free_func(g_free);
    if (sql)
        read_code(statement, sql, code_kind(sql), 0);
    return statement;
}

void redact_statement_free(RedactStatement *statement)
{
    g_hash_table_unref(statement->names);
    g_ptr_array_unref(statement->raised);
    g_free(statement);
}

bool redact_statement_has(const RedactStatement *statement, const char *name)
{
    if (g_hash_table_contains(statement->names, name))
        return true;
    g_auto(GStrv) parts = g_strsplit(name, ".", -1);
    if (g_strv_length(parts) < 2)
        return false;
    for (char **part = parts; *part; part++) {
        if (!g_hash_table_contains(statement->names, *part))
            return false;
    }
    return true;
}
