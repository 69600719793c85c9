/* Streams of age: both ways, and every payload that is not as it must be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/age_forge.h"

#include "base/error.h"

#define CHUNK AGE_CHUNK_BYTES
#define BLOCK (AGE_BLOCK_CHUNKS * AGE_CHUNK_BYTES)

static AgeIdentities *identities_of(const char *secret)
{
    AgeIdentities *identities = age_identities_new();
    assert_true(age_identities_add_text(identities, "keys", secret, strlen(secret), NULL));
    return identities;
}

static uint8_t *make_content(size_t size_bytes)
{
    uint8_t *content = g_malloc(size_bytes + 1);
    uint32_t number = 1;
    for (size_t i = 0; i < size_bytes; i++)
        content[i] = (uint8_t)((number = number * 1664525 + 1013904223) >> 24);
    return content;
}

/* ---- both ways ---- */

/* To both keys; written in pieces. */
static GByteArray *encrypt(const uint8_t *content, size_t size_bytes, size_t piece_bytes)
{
    GByteArray *file = g_byte_array_new();
    bool committed = false;
    AgeKey recipients[2];
    g_autoptr(GError) error = NULL;
    assert_true(age_recipient_parse(ONE_PUBLIC, &recipients[0], NULL));
    assert_true(age_recipient_parse(TWO_PUBLIC, &recipients[1], NULL));
    g_autoptr(Sink) sink = sink_age_new(memory_sink(file, &committed, 0), recipients, 2, &error);
    assert_non_null(sink);
    for (size_t at = 0; at < size_bytes; at += piece_bytes)
        assert_true(sink_write(sink, content + at, MIN(piece_bytes, size_bytes - at), &error));
    assert_false(committed);
    assert_true(sink_commit(sink, &error));
    assert_true(committed);
    return file;
}

static void assert_opens(const GByteArray *file, const char *secret, const uint8_t *content,
                         size_t size_bytes, size_t piece_bytes)
{
    g_autoptr(AgeIdentities) identities = identities_of(secret);
    g_autoptr(GError) error = NULL;
    g_autoptr(GByteArray) out = forge_read(file, identities, piece_bytes, &error);
    if (error != NULL)
        fail_msg("%zu bytes: %s", size_bytes, error->message);
    assert_int_equal(out->len, size_bytes);
    assert_true(size_bytes == 0 || memcmp(out->data, content, size_bytes) == 0);
}

static void what_was_written_is_read(void **state)
{
    static const size_t sizes[] = {0,         1,       CHUNK - 1, CHUNK,         CHUNK + 1,
                                   2 * CHUNK, BLOCK,   BLOCK - 1, BLOCK + 1,     BLOCK + CHUNK,
                                   2 * BLOCK, 4194304, 4194305,   20 * BLOCK + 7};
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
        g_autofree uint8_t *content = make_content(sizes[i]);
        g_autoptr(GByteArray) file = encrypt(content, sizes[i], 99999);
        const size_t chunks = MAX((sizes[i] + CHUNK - 1) / CHUNK, 1);
        const size_t header = age_header_size((const char *)file->data, file->len);
        assert_int_equal(file->len,
                         header + AGE_PAYLOAD_NONCE_BYTES + sizes[i] + chunks * AGE_TAG_BYTES);
        assert_opens(file, ONE_SECRET, content, sizes[i], 77777);
        assert_opens(file, TWO_SECRET, content, sizes[i], SIZE_MAX);
    }
}

static void the_size_of_pieces_does_not_matter(void **state)
{
    const size_t size_bytes = 2 * CHUNK + 3;
    static const size_t pieces[] = {1, 3, CHUNK - 1, CHUNK, SIZE_MAX / 2};
    g_autofree uint8_t *content = make_content(size_bytes);
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(pieces); i++) {
        g_autoptr(GByteArray) file = encrypt(content, size_bytes, pieces[i]);
        assert_opens(file, ONE_SECRET, content, size_bytes, pieces[i]);
    }
}

static void nothing_is_the_same_twice(void **state)
{
    g_autofree uint8_t *content = make_content(100);
    g_autoptr(GByteArray) one = encrypt(content, 100, 100), two = encrypt(content, 100, 100);
    const size_t header = age_header_size((const char *)one->data, one->len);
    (void)state;
    assert_true(memcmp(one->data + strlen(AGE_VERSION_LINE), two->data + strlen(AGE_VERSION_LINE),
                       60) != 0);
    assert_true(memcmp(one->data + header, two->data + header, AGE_PAYLOAD_NONCE_BYTES) != 0);
    assert_true(memcmp(one->data + header + 16, two->data + header + 16, 100) != 0);
}

static void a_failure_behind_it_is_a_failure(void **state)
{
    g_autofree uint8_t *content = make_content(20 * BLOCK);
    AgeKey recipient;
    (void)state;
    assert_true(age_recipient_parse(ONE_PUBLIC, &recipient, NULL));
    for (size_t fails_at = 1; fails_at < 21 * BLOCK; fails_at += 3 * BLOCK) {
        g_autoptr(GByteArray) file = g_byte_array_new();
        g_autoptr(GError) error = NULL;
        bool committed = false;
        g_autoptr(Sink) sink =
            sink_age_new(memory_sink(file, &committed, fails_at), &recipient, 1, &error);
        const bool done = sink != NULL && sink_write(sink, content, 20 * BLOCK, &error) &&
                          sink_commit(sink, &error);
        assert_false(done);
        assert_false(committed);
        assert_string_equal(error->message, "no room");
    }
}

static void what_was_begun_may_be_given_up(void **state)
{
    g_autofree uint8_t *content = make_content(3 * BLOCK);
    g_autoptr(GByteArray) file = encrypt(content, 3 * BLOCK, SIZE_MAX / 2);
    g_autoptr(AgeIdentities) identities = identities_of(ONE_SECRET);
    Source *source =
        source_age_new(memory_source(file->data, file->len, SIZE_MAX), "the file", identities);
    uint8_t byte = 0;
    size_t got = 0;
    (void)state;
    assert_true(source_read(source, &byte, 1, &got, NULL));
    assert_int_equal(byte, content[0]);
    source_free(source);
    source_free(source_age_new(memory_source(file->data, file->len, 1), "the file", identities));
}

/* ---- payloads that are wrong ---- */

/* What follows the nonce: one letter a chunk. F, f: full, not the last or the last; S, s: short (a
 * hundred bytes); E, e: empty; -: the number of the chunk behind is that of another (two more);
 * !: the chunk behind has a bit changed; <: a byte less; +: some bytes behind the end; >: as many
 * as a chunk. */
typedef struct {
    const char *chunks;
    bool right;
} Payload;

static const Payload payloads[] = {
    {"e", true},          {"s", true},
    {"f", true},          {"Fs", true},
    {"Ff", true},         {"FFs", true},
    {"FFFFFFFf", true},   {"FFFFFFFs", true},
    {"FFFFFFFFs", true},  {"FFFFFFFFFFFFFFFf", true},
    {"", false},          {"E", false},
    {"S", false},         {"F", false},
    {"FF", false},        {"FS", false},
    {"FE", false},        {"Fe", false},
    {"FFe", false},       {"FFFFFFFFe", false},
    {"FFFFFFFe", false},  {"Ss", false},
    {"FSs", false},       {"ss", false},
    {"ff", false},        {"fs", false},
    {"se", false},        {"fe", false},
    {"ee", false},        {"es", false},
    {"Fss", false},       {"-s", false},
    {"F-s", false},       {"-FFs", false},
    {"!s", false},        {"!e", false},
    {"!Fs", false},       {"F!s", false},
    {"F!f", false},       {"FFFFFFFF!s", false},
    {"s+", false},        {"e+", false},
    {"f+", false},        {"s>", false},
    {"f>", false},        {"Ff>", false},
    {"FFFFFFFf+", false}, {"s<", false},
    {"e<", false},        {"f<", false},
    {"Fs<", false},       {"FFFFFFFf<", false},
    {"FFFFFFFF", false},  {"FFFFFFFFF", false},
};

static void append_chunk(GByteArray *file, char letter, const uint8_t *content, uint64_t number)
{
    const char kind = g_ascii_toupper(letter);
    const size_t size_bytes = kind == 'F' ? CHUNK : kind == 'S' ? 100 : 0;
    forge_chunk(file, content + (number & 0xff) * 3, size_bytes, number, g_ascii_islower(letter));
}

static void append_payload(GByteArray *file, const char *chunks, const uint8_t *content)
{
    uint64_t number = 0, skip = 0;
    bool changes = false;
    for (const char *at = chunks; *at != '\0'; at++) {
        const guint before = file->len;
        if (*at == '-') {
            skip = 2;
        } else if (*at == '!') {
            changes = true;
        } else if (*at == '+' || *at == '>') {
            g_byte_array_append(file, content, *at == '+' ? 20 : CHUNK + AGE_TAG_BYTES);
        } else if (*at == '<') {
            g_byte_array_set_size(file, file->len - 1);
        } else {
            append_chunk(file, *at, content, number++ + skip);
            file->data[before] ^= changes ? 1 : 0;
            skip = changes = 0;
        }
    }
}

static GByteArray *begin_file(void)
{
    GByteArray *file = g_byte_array_new();
    g_autofree char *stanza = forge_x25519(ONE_PUBLIC);
    g_autofree char *text = g_strconcat(AGE_VERSION_LINE, stanza, "---", NULL);
    g_autofree char *mac = forge_mac(text);
    g_autofree char *header = g_strconcat(text, " ", mac, "\n", NULL);
    g_byte_array_append(file, (const uint8_t *)header, (guint)strlen(header));
    return file;
}

/* What there is of the content, chunk by chunk as append_chunk() takes it. */
static bool begins_as(const GByteArray *out, const uint8_t *content)
{
    for (size_t at = 0, number = 0; at < out->len; at += CHUNK, number++) {
        if (memcmp(out->data + at, content + number * 3, MIN(CHUNK, out->len - at)) != 0)
            return false;
    }
    return true;
}

static void a_payload_is_as_it_must_be_or_refused(void **state)
{
    g_autofree uint8_t *content = make_content(2 * CHUNK);
    g_autoptr(AgeIdentities) identities = identities_of(ONE_SECRET);
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(payloads); i++) {
        g_autoptr(GByteArray) file = begin_file();
        g_autoptr(GError) error = NULL;
        g_byte_array_append(file, forge_nonce, sizeof forge_nonce);
        append_payload(file, payloads[i].chunks, content);
        g_autoptr(GByteArray) out =
            forge_read(file, identities, i % 2 == 0 ? SIZE_MAX : 4001, &error);
        if ((error == NULL) != payloads[i].right ||
            (error != NULL && !error_is(error, ERROR_INTEGRITY)))
            fail_msg("'%s': %s", payloads[i].chunks, error != NULL ? error->message : "opened");
        assert_true(begins_as(out, content));
    }
}

static void a_chunk_has_its_place(void **state)
{
    const size_t size_bytes = 300 * CHUNK; /* their numbers have two bytes */
    g_autofree uint8_t *content = make_content(size_bytes);
    g_autoptr(GByteArray) file = encrypt(content, size_bytes, SIZE_MAX / 2);
    const size_t header = age_header_size((const char *)file->data, file->len);
    g_autoptr(AgeIdentities) identities = identities_of(ONE_SECRET);
    uint8_t *chunks = file->data + header + AGE_PAYLOAD_NONCE_BYTES;
    g_autofree uint8_t *kept = g_memdup2(chunks, AGE_SEALED_BYTES);
    g_autoptr(GError) error = NULL;
    (void)state;
    assert_opens(file, ONE_SECRET, content, size_bytes, SIZE_MAX);
    /* Those whose numbers agree in one byte change places. */
    memcpy(chunks, chunks + 256 * AGE_SEALED_BYTES, AGE_SEALED_BYTES);
    memcpy(chunks + 256 * AGE_SEALED_BYTES, kept, AGE_SEALED_BYTES);
    g_autoptr(GByteArray) out = forge_read(file, identities, SIZE_MAX, &error);
    assert_true(error_is(error, ERROR_INTEGRITY));
    assert_int_equal(out->len, 0);
}

static void a_torn_file_is_refused_wherever_it_is_torn(void **state)
{
    g_autofree uint8_t *content = make_content(60);
    g_autoptr(GByteArray) file = encrypt(content, 60, 60);
    g_autoptr(AgeIdentities) identities = identities_of(TWO_SECRET);
    const guint size_bytes = file->len;
    (void)state;
    for (guint n = 0; n < size_bytes; n++) {
        GByteArray part = {file->data, n};
        g_autoptr(GError) error = NULL;
        g_autoptr(GByteArray) out = forge_read(&part, identities, SIZE_MAX, &error);
        assert_true(error_is(error, ERROR_INTEGRITY));
        assert_int_equal(out->len, 0);
    }
}

/* In a stanza of another recipient, too: the MAC covers it. */
static void a_changed_bit_is_found_wherever_it_is(void **state)
{
    g_autofree uint8_t *content = make_content(20);
    g_autoptr(GByteArray) file = encrypt(content, 20, 20);
    g_autoptr(AgeIdentities) identities = identities_of(TWO_SECRET);
    (void)state;
    for (guint i = 0; i < 8 * file->len; i++) {
        g_autoptr(GError) error = NULL;
        file->data[i / 8] ^= (uint8_t)(1U << i % 8);
        g_autoptr(GByteArray) out = forge_read(file, identities, SIZE_MAX, &error);
        assert_true(error_is(error, ERROR_INTEGRITY) || error_is(error, ERROR_CONFIG));
        assert_int_equal(out->len, 0);
        file->data[i / 8] ^= (uint8_t)(1U << i % 8);
    }
}

static void what_is_no_file_of_age_is_told(void **state)
{
    static const char armoured[] = "-----BEGIN AGE ENCRYPTED FILE-----\n";
    g_autoptr(AgeIdentities) identities = identities_of(ONE_SECRET);
    GByteArray file = {(guint8 *)armoured, sizeof armoured - 1};
    g_autoptr(GError) error = NULL;
    (void)state;
    g_byte_array_free(forge_read(&file, identities, SIZE_MAX, &error), TRUE);
    assert_string_equal(error->message, "the file cannot be decrypted: it is armoured, which is "
                                        "not supported");
    g_clear_error(&error);
    file = (GByteArray){(guint8 *)"PGDMP and more", 14};
    g_byte_array_free(forge_read(&file, identities, 3, &error), TRUE);
    assert_true(error_is(error, ERROR_INTEGRITY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(the_size_of_pieces_does_not_matter),
        cmocka_unit_test(nothing_is_the_same_twice),
        cmocka_unit_test(a_failure_behind_it_is_a_failure),
        cmocka_unit_test(what_was_begun_may_be_given_up),
        cmocka_unit_test(a_payload_is_as_it_must_be_or_refused),
        cmocka_unit_test(a_chunk_has_its_place),
        cmocka_unit_test(a_torn_file_is_refused_wherever_it_is_torn),
        cmocka_unit_test(a_changed_bit_is_found_wherever_it_is),
        cmocka_unit_test(what_is_no_file_of_age_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
