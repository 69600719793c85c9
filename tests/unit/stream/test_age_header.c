/* The grammar of age's header, line by line: what is right is opened, everything else refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "stream/age_forge.h"

#include "base/error.h"

/* In the text of a case: {X} the first key's stanza, {Y} the second's, {SHARE} and {BODY} the
 * parts of {X}, {MAC} the MAC of everything to the last three dashes, {SCRYPT n} a body for a
 * passphrase with that work factor and the salt {SALT}. */
typedef struct {
    const char *name, *text;
    int code; /* of the error; -1: it is opened */
} Case;

#define HEAD AGE_VERSION_LINE
#define FOOT "--- {MAC}\n"
#define COLUMNS_64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define OPENED (-1)
#define SALT "0123456789abcdef"

static const Case cases[] = {
    {"x25519", HEAD "{X}" FOOT, OPENED},
    {"several recipients", HEAD "{Y}{X}" FOOT, OPENED},
    {"the same recipient twice", HEAD "{X}{X}" FOOT, OPENED},
    {"unknown kinds are passed over", HEAD "-> grease-1 some args\nAAAA\n{X}-> !#%| ~\n\n" FOOT,
     OPENED},
    {"a kind without arguments", HEAD "-> grease\nAAAA\n{X}" FOOT, OPENED},
    {"an empty body", HEAD "-> empty\n\n{X}" FOOT, OPENED},
    {"a full line and an empty last one", HEAD "-> full\n" COLUMNS_64 "\n\n{X}" FOOT, OPENED},
    {"full lines and a short one", HEAD "-> full\n" COLUMNS_64 "\n" COLUMNS_64 "\nAA\n{X}" FOOT,
     OPENED},
    {"every character of an argument",
     HEAD "-> !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`"
          "abcdefghijklmnopqrstuvwxyz{|}~ x\n\n{X}" FOOT,
     OPENED},
    {"every character of base64",
     HEAD "-> all\nABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/\n\n{X}" FOOT,
     OPENED},

    {"another version", "age-encryption.org/v2\n{X}" FOOT, ERROR_INTEGRITY},
    {"no version", "{X}" FOOT, ERROR_INTEGRITY},
    {"a line before the version", "\n" HEAD "{X}" FOOT, ERROR_INTEGRITY},
    {"a space behind the version", "age-encryption.org/v1 \n{X}" FOOT, ERROR_INTEGRITY},
    {"CR behind the version", "age-encryption.org/v1\r\n{X}" FOOT, ERROR_INTEGRITY},
    {"an empty line behind the version", HEAD "\n{X}" FOOT, ERROR_INTEGRITY},
    {"no recipients", HEAD FOOT, ERROR_INTEGRITY},

    {"no arrow", HEAD "grease\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"an arrow without a space", HEAD "->grease\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"a longer arrow", HEAD "--> grease\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"a space before the arrow", HEAD " -> grease\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"an arrow alone", HEAD "->\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"no kind", HEAD "-> \n\n{X}" FOOT, ERROR_INTEGRITY},
    {"an empty argument", HEAD "-> grease  a\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"a space at the end of the arguments", HEAD "-> grease a \n\n{X}" FOOT, ERROR_INTEGRITY},
    {"a tab", HEAD "-> grease\ta\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"a control character", HEAD "-> grease \x7f\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"no ASCII", HEAD "-> grease \xc3\xa9\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"CR behind the arguments", HEAD "-> grease\r\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"CR behind the body", HEAD "-> grease\nAAAA\r\n{X}" FOOT, ERROR_INTEGRITY},
    {"CR everywhere", "age-encryption.org/v1\r\n-> X25519 {SHARE}\r\n{BODY}\r\n--- {MAC}\r\n",
     ERROR_INTEGRITY},

    {"no body", HEAD "-> grease\n{X}" FOOT, ERROR_INTEGRITY},
    {"no body of the last", HEAD "{X}-> grease\n" FOOT, ERROR_INTEGRITY},
    {"no last line of a body", HEAD "-> grease\n" COLUMNS_64 "\n{X}" FOOT, ERROR_INTEGRITY},
    {"no last line of the last body", HEAD "{X}-> grease\n" COLUMNS_64 "\n" FOOT, ERROR_INTEGRITY},
    {"short lines", HEAD "-> grease\nAAAA\nAAAA\n{X}" FOOT, ERROR_INTEGRITY},
    {"a long line", HEAD "-> grease\n" COLUMNS_64 "AAAA\n{X}" FOOT, ERROR_INTEGRITY},
    {"an empty line too many", HEAD "-> grease\n\n\n{X}" FOOT, ERROR_INTEGRITY},
    {"padding", HEAD "-> grease\nAA==\n{X}" FOOT, ERROR_INTEGRITY},
    {"bits of no byte", HEAD "-> grease\nAB\n{X}" FOOT, ERROR_INTEGRITY},
    {"more bits of no byte", HEAD "-> grease\nAAB\n{X}" FOOT, ERROR_INTEGRITY},
    {"a character too many", HEAD "-> grease\nAAAAA\n{X}" FOOT, ERROR_INTEGRITY},
    {"no base64", HEAD "-> grease\nAA-_\n{X}" FOOT, ERROR_INTEGRITY},
    {"a space in base64", HEAD "-> grease\nAA AA\n{X}" FOOT, ERROR_INTEGRITY},
    {"a space behind base64", HEAD "-> grease\nAAAA \n{X}" FOOT, ERROR_INTEGRITY},

    {"another MAC", HEAD "{X}--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", ERROR_INTEGRITY},
    {"no MAC", HEAD "{X}---\n", ERROR_INTEGRITY},
    {"a space for a MAC", HEAD "{X}--- \n", ERROR_INTEGRITY},
    {"no space before the MAC", HEAD "{X}---{MAC}\n", ERROR_INTEGRITY},
    {"two spaces before the MAC", HEAD "{X}---  {MAC}\n", ERROR_INTEGRITY},
    {"a space behind the MAC", HEAD "{X}--- {MAC} \n", ERROR_INTEGRITY},
    {"something behind the MAC", HEAD "{X}--- {MAC}AAAA\n", ERROR_INTEGRITY},
    {"padding behind the MAC", HEAD "{X}--- {MAC}=\n", ERROR_INTEGRITY},
    {"a MAC that is cut", HEAD "{X}--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n",
     ERROR_INTEGRITY},
    {"bits of no byte in the MAC", HEAD "{X}--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\n",
     ERROR_INTEGRITY},
    {"four dashes", HEAD "{X}---- {MAC}\n", ERROR_INTEGRITY},

    {"no recipient is ours", HEAD "{Y}" FOOT, ERROR_CONFIG},
    {"a kind in lower case", HEAD "-> x25519 {SHARE}\n{BODY}\n" FOOT, ERROR_CONFIG},
    {"a key that does not open",
     HEAD "-> X25519 {SHARE}\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n" FOOT, ERROR_CONFIG},
    {"no share", HEAD "-> X25519\n{BODY}\n" FOOT, ERROR_INTEGRITY},
    {"an argument too many", HEAD "-> X25519 {SHARE} a\n{BODY}\n" FOOT, ERROR_INTEGRITY},
    {"a short share", HEAD "-> X25519 AAAA\n{BODY}\n" FOOT, ERROR_INTEGRITY},
    {"a long share", HEAD "-> X25519 {SHARE}A\n{BODY}\n" FOOT, ERROR_INTEGRITY},
    {"a share with padding", HEAD "-> X25519 {SHARE}=\n{BODY}\n" FOOT, ERROR_INTEGRITY},
    {"bits of no byte in the share",
     HEAD "-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB\n{BODY}\n" FOOT, ERROR_INTEGRITY},
    {"the point zero", HEAD "-> X25519 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n{BODY}\n" FOOT,
     ERROR_INTEGRITY},
    {"a point of order eight",
     HEAD "-> X25519 4Ot6fDtBuK4WVuP68Z/EatoJjeucMrH9hmIFFl9JuAA\n{BODY}\n" FOOT, ERROR_INTEGRITY},
    {"no key", HEAD "-> X25519 {SHARE}\n\n" FOOT, ERROR_INTEGRITY},
    {"a short key", HEAD "-> X25519 {SHARE}\nAAAA\n" FOOT, ERROR_INTEGRITY},
    {"a key of another size", HEAD "-> X25519 {SHARE}\n" COLUMNS_64 "\n\n" FOOT, ERROR_INTEGRITY},
    {"a wrong one behind a right one", HEAD "{X}-> X25519 AAAA\n{BODY}\n" FOOT, ERROR_INTEGRITY},

    {"a passphrase", HEAD "-> scrypt {SALT} 4\n{SCRYPT 4}\n" FOOT, OPENED},
    {"a passphrase of two digits", HEAD "-> scrypt {SALT} 10\n{SCRYPT 10}\n" FOOT, OPENED},
    {"another passphrase", HEAD "-> scrypt {SALT} 4\n{SCRYPT 5}\n" FOOT, ERROR_CONFIG},
    {"a passphrase in upper case", HEAD "-> Scrypt {SALT} 4\n{SCRYPT 4}\n" FOOT, ERROR_CONFIG},
    {"a passphrase beside a key", HEAD "{X}-> scrypt {SALT} 4\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"a key beside a passphrase", HEAD "-> scrypt {SALT} 4\n{SCRYPT 4}\n{X}" FOOT, ERROR_INTEGRITY},
    {"something unknown beside a passphrase", HEAD "-> scrypt {SALT} 4\n{SCRYPT 4}\n-> a\n\n" FOOT,
     ERROR_INTEGRITY},
    {"two passphrases",
     HEAD "-> scrypt {SALT} 4\n{SCRYPT 4}\n-> scrypt {SALT} 4\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"no salt", HEAD "-> scrypt 4\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"a short salt", HEAD "-> scrypt AAAA 4\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"a long salt", HEAD "-> scrypt {SALT}AAAA 4\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"bits of no byte in the salt", HEAD "-> scrypt AAAAAAAAAAAAAAAAAAAAAB 4\n{SCRYPT 4}\n" FOOT,
     ERROR_INTEGRITY},
    {"an argument too many of a passphrase", HEAD "-> scrypt {SALT} 4 a\n{SCRYPT 4}\n" FOOT,
     ERROR_INTEGRITY},
    {"no work factor", HEAD "-> scrypt {SALT}\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"no work", HEAD "-> scrypt {SALT} 0\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"a leading zero", HEAD "-> scrypt {SALT} 04\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"a plus", HEAD "-> scrypt {SALT} +4\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"a minus", HEAD "-> scrypt {SALT} -4\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"a hexadecimal work factor", HEAD "-> scrypt {SALT} 0x4\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"something behind the work factor", HEAD "-> scrypt {SALT} 4a\n{SCRYPT 4}\n" FOOT,
     ERROR_INTEGRITY},
    {"too much work", HEAD "-> scrypt {SALT} 21\n{SCRYPT 4}\n" FOOT, ERROR_INTEGRITY},
    {"endless work", HEAD "-> scrypt {SALT} 18446744073709551620\n{SCRYPT 4}\n" FOOT,
     ERROR_INTEGRITY},
    {"a short key of a passphrase", HEAD "-> scrypt {SALT} 4\nAAAA\n" FOOT, ERROR_INTEGRITY},
    {"a long key of a passphrase", HEAD "-> scrypt {SALT} 4\n" COLUMNS_64 "\n\n" FOOT,
     ERROR_INTEGRITY},
};

static char *replaced(char *text, const char *what, const char *by)
{
    GString *out = g_string_new(text);
    g_string_replace(out, what, by, 0);
    g_free(text);
    return g_string_free(out, FALSE);
}

static char *with_scrypt(char *text)
{
    static const unsigned factors[] = {4, 5, 10};
    for (guint i = 0; i < G_N_ELEMENTS(factors); i++) {
        g_autofree char *what = g_strdup_printf("{SCRYPT %u}", factors[i]);
        if (strstr(text, what) != NULL) {
            g_autofree char *body = forge_scrypt_body(PASSPHRASE, SALT, factors[i]);
            text = replaced(text, what, body);
        }
    }
    return text;
}

static char *with_mac(char *text)
{
    const char *dashes = g_strrstr(text, "---");
    g_autofree char *before = g_strndup(text, (gsize)(dashes - text) + 3);
    g_autofree char *mac = forge_mac(before);
    return replaced(text, "{MAC}", mac);
}

static char *expand(const char *template)
{
    g_autofree char *x = forge_x25519(ONE_PUBLIC), *y = forge_x25519(TWO_PUBLIC);
    g_autofree char *share = g_strndup(x + strlen("-> X25519 "), 43);
    g_autofree char *body = g_strndup(strchr(x, '\n') + 1, 43);
    g_autofree char *salt = forge_base64(SALT, strlen(SALT));
    char *text = g_strdup(template);
    text = replaced(text, "{X}", x);
    text = replaced(text, "{Y}", y);
    text = replaced(text, "{SHARE}", share);
    text = replaced(text, "{BODY}", body);
    text = replaced(text, "{SALT}", salt);
    return with_mac(with_scrypt(text));
}

static AgeIdentities *make_identities(void)
{
    AgeIdentities *identities = age_identities_new();
    assert_true(age_identities_add_text(identities, "keys", ONE_SECRET, strlen(ONE_SECRET), NULL));
    age_identities_add_passphrase(identities, "wrong");
    age_identities_add_passphrase(identities, PASSPHRASE);
    return identities;
}

/* As a whole file, which also tries the end of the header being found. */
static void check_case(const Case *one, const AgeIdentities *identities, size_t piece_bytes)
{
    g_autofree char *header = expand(one->text);
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autoptr(GByteArray) out = NULL;
    g_autoptr(GError) error = NULL;
    g_byte_array_append(file, (const uint8_t *)header, (guint)strlen(header));
    g_byte_array_append(file, forge_nonce, sizeof forge_nonce);
    forge_chunk(file, "content", 7, 0, true);
    out = forge_read(file, identities, piece_bytes, &error);
    if (one->code == OPENED ? error == NULL : error_is(error, (ErrorCode)one->code)) {
        assert_int_equal(out->len, one->code == OPENED ? 7 : 0);
        return;
    }
    fail_msg("%s: %s\n%s", one->name, error != NULL ? error->message : "it was opened", header);
}

static void each_line_is_as_it_must_be(void **state)
{
    g_autoptr(AgeIdentities) identities = make_identities();
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        check_case(&cases[i], identities, SIZE_MAX);
        check_case(&cases[i], identities, 1);
    }
}

static void a_header_without_an_end_is_given_up(void **state)
{
    g_autoptr(AgeIdentities) identities = make_identities();
    g_autoptr(GString) text = g_string_new(AGE_VERSION_LINE "-> endless\n");
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    (void)state;
    while (text->len < 8 * AGE_HEADER_MAX)
        g_string_append(text, COLUMNS_64 "\n");
    g_byte_array_append(file, (const uint8_t *)text->str, (guint)text->len);
    g_byte_array_free(forge_read(file, identities, SIZE_MAX, &error), TRUE);
    assert_true(error_is(error, ERROR_INTEGRITY));
    assert_non_null(strstr(error->message, "its header has no end"));
}

static void a_header_of_thousands_is_read(void **state)
{
    const guint n = 3000;
    g_autoptr(AgeIdentities) identities = make_identities();
    g_autofree AgeKey *recipients = g_new(AgeKey, n);
    g_autoptr(GString) header = NULL;
    g_autoptr(GByteArray) file = g_byte_array_new();
    g_autoptr(GError) error = NULL;
    (void)state;
    for (guint i = 0; i < n; i++)
        assert_true(age_recipient_parse(i + 1 < n ? TWO_PUBLIC : ONE_PUBLIC, &recipients[i], NULL));
    header = age_header_make(&forge_file_key, recipients, n, &error);
    assert_non_null(header);
    g_byte_array_append(file, (const uint8_t *)header->str, (guint)header->len);
    g_byte_array_append(file, forge_nonce, sizeof forge_nonce);
    forge_chunk(file, "content", 7, 0, true);
    g_autoptr(GByteArray) out = forge_read(file, identities, SIZE_MAX, &error);
    assert_null(error);
    assert_int_equal(out->len, 7);
}

static void a_recipient_must_keep_a_secret(void **state)
{
    const AgeKey zero = {{0}};
    g_autoptr(GError) error = NULL;
    (void)state;
    assert_null(age_header_make(&forge_file_key, &zero, 1, &error));
    assert_true(error_is(error, ERROR_CONFIG));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_line_is_as_it_must_be),
        cmocka_unit_test(a_header_without_an_end_is_given_up),
        cmocka_unit_test(a_header_of_thousands_is_read),
        cmocka_unit_test(a_recipient_must_keep_a_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
