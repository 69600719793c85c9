#include "snapshot/intake_detect.h"

#include "migration/lexer.h"
#include <string.h>

#define TAR_BLOCK 512
#define TAR_SUM_AT 148
#define TAR_SUM_BYTES 8

typedef struct {
    IntakeMagic magic;
    size_t size;
    const char *bytes;
} Beginning;

static const Beginning beginnings[] = {
    {MAGIC_GZIP, 2, "\x1f\x8b"},
    {MAGIC_ZSTD, 4, "\x28\xb5\x2f\xfd"},
    {MAGIC_XZ, 6,
     "\xfd"
     "7zXZ"},
    {MAGIC_LZ4, 4, "\x04\x22\x4d\x18"},
    {MAGIC_LZ4, 4, "\x02\x21\x4c\x18"},
    {MAGIC_AGE, 22, "age-encryption.org/v1\n"},
    {MAGIC_AGE, 34, "-----BEGIN AGE ENCRYPTED FILE-----"},
    {MAGIC_PGP, 27, "-----BEGIN PGP MESSAGE-----"},
    {MAGIC_PGP, 8, "Salted__"},
    {MAGIC_ZIP, 4, "PK\x03\x04"},
    {MAGIC_ZIP, 4, "PK\x05\x06"},
    {MAGIC_UTF16, 2, "\xff\xfe"},
    {MAGIC_UTF16, 2, "\xfe\xff"},
};

/* A skippable frame is how parallel zstd compressors begin. */
static bool is_zstd_skippable(const unsigned char *head, size_t size)
{
    return size >= 4 && (head[0] & 0xf0) == 0x50 && memcmp(head + 1, "\x2a\x4d\x18", 3) == 0;
}

static bool is_bzip2(const unsigned char *head, size_t size)
{
    static const char block[] = "\x31\x41\x59\x26\x53\x59", end[] = "\x17\x72\x45\x38\x50\x90";
    return size >= 10 && memcmp(head, "BZh", 3) == 0 && head[3] >= '1' && head[3] <= '9' &&
           (memcmp(head + 4, block, 6) == 0 || memcmp(head + 4, end, 6) == 0);
}

/* The header's own checksum: the sum of its bytes with blanks in the place of the sum. */
static bool is_tar(const unsigned char *head, size_t size)
{
    unsigned long sum = 0, stored = 0;
    size_t digits = 0;
    if (size < TAR_BLOCK || head[0] == '\0')
        return false;
    for (size_t i = 0; i < TAR_BLOCK; i++)
        sum += i - TAR_SUM_AT < TAR_SUM_BYTES ? ' ' : head[i];
    for (size_t i = TAR_SUM_AT; i < TAR_SUM_AT + TAR_SUM_BYTES; i++) {
        if (head[i] >= '0' && head[i] <= '7') {
            stored = stored * 8 + (unsigned long)(head[i] - '0');
            digits++;
        } else if (digits > 0 || head[i] != ' ') {
            break;
        }
    }
    return digits > 0 && stored == sum;
}

/* "PGDMP", version (3 bytes), size of an int, size of an offset, format: 1 custom, 3 tar, which the
 * directory format writes too. */
static IntakeMagic pg_dump_format(const unsigned char *head, size_t size)
{
    if (size < 11)
        return MAGIC_CUSTOM; /* torn, which its reader says */
    return head[10] == 3 ? MAGIC_TOC : MAGIC_CUSTOM;
}

/* ---- text ---- */

static bool is_sql_word(const Token *token)
{
    static const char *const words[] = {
        "alter",  "analyze", "begin", "call",     "cluster", "comment", "commit",   "copy",
        "create", "delete",  "do",    "drop",     "end",     "grant",   "import",   "insert",
        "lock",   "merge",   "reset", "refresh",  "reindex", "revoke",  "rollback", "security",
        "select", "set",     "start", "truncate", "update",  "vacuum",  "with",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(words); i++)
        if (token_is(token, words[i]))
            return true;
    return false;
}

static bool is_known_command(const Lexer *behind_backslash)
{
    Lexer lexer = *behind_backslash;
    const Token word = lexer_next_any(&lexer);
    return word.start == behind_backslash->at &&
           (token_is(&word, "restrict") || token_is(&word, "connect") || token_is(&word, "c"));
}

/* The first word decides, behind comments. A comment that fills the head may be the beginning of
 * anything. */
static bool begins_as_sql(const char *text, size_t size)
{
    const bool has_bom = size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0;
    Lexer lexer = lexer_on(text + (has_bom ? 3 : 0), size - (has_bom ? 3 : 0));
    Token token = lexer_next(&lexer);
    while (token_is_symbol(&token, ';') || token_is_symbol(&token, '('))
        token = lexer_next(&lexer);
    if (token.kind == TOKEN_END || token.kind == TOKEN_BLOCK_COMMENT)
        return size == INTAKE_HEAD_BYTES;
    if (token_is_symbol(&token, '\\'))
        return is_known_command(&lexer);
    return is_sql_word(&token);
}

static IntakeMagic text_kind(const char *head, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        const unsigned char c = (unsigned char)head[i];
        if ((c < ' ' && strchr("\t\n\v\f\r\b\x1b", c) == NULL) || c == '\0')
            return MAGIC_UNKNOWN;
    }
    return begins_as_sql(head, size) ? MAGIC_SQL : MAGIC_TEXT;
}

IntakeMagic intake_detect(const char *head, size_t size_bytes)
{
    const unsigned char *bytes = (const unsigned char *)head;
    if (size_bytes == 0)
        return MAGIC_EMPTY;
    for (size_t i = 0; i < G_N_ELEMENTS(beginnings); i++) {
        const Beginning *known = &beginnings[i];
        if (size_bytes >= known->size && memcmp(head, known->bytes, known->size) == 0)
            return known->magic;
    }
    if (is_zstd_skippable(bytes, size_bytes))
        return MAGIC_ZSTD;
    if (is_bzip2(bytes, size_bytes))
        return MAGIC_BZIP2;
    if (size_bytes >= 5 && memcmp(head, "PGDMP", 5) == 0)
        return pg_dump_format(bytes, size_bytes);
    if (is_tar(bytes, size_bytes))
        return MAGIC_TAR;
    return text_kind(head, size_bytes);
}

bool intake_is_compression(IntakeMagic magic)
{
    return magic >= MAGIC_GZIP && magic <= MAGIC_BZIP2;
}

const char *intake_magic_name(IntakeMagic magic)
{
    static const char *const names[] = {
        [MAGIC_GZIP] = "gzip",   [MAGIC_ZSTD] = "zstd", [MAGIC_XZ] = "xz",   [MAGIC_LZ4] = "lz4",
        [MAGIC_BZIP2] = "bzip2", [MAGIC_ZIP] = "zip",   [MAGIC_TAR] = "tar", [MAGIC_AGE] = "age",
    };
    return magic < G_N_ELEMENTS(names) && names[magic] != NULL ? names[magic] : "?";
}
