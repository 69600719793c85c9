/* age's keys as text: strict Bech32, files of identities and passphrases, and that no message
 * repeats what stands in them. */
#include "folder.h"

#include "base/error.h"
#include "stream/age_forge.h"
#include "stream/age_keys.h"
#include "stream/bech32.h"
#include <sys/stat.h>
#include <unistd.h>

static void a_public_key_is_that_of_its_secret_one(void **state)
{
    g_autoptr(AgeIdentities) identities = age_identities_new();
    AgeKey recipient, own;
    (void)state;
    assert_true(age_identities_add_text(identities, "keys", ONE_SECRET, strlen(ONE_SECRET), NULL));
    assert_true(age_recipient_parse(ONE_PUBLIC, &recipient, NULL));
    own = age_x25519_public(&g_array_index(age_identities_openers(identities).keys, AgeKey, 0));
    assert_memory_equal(own.bytes, recipient.bytes, sizeof own.bytes);
}

static void a_recipient_is_taken_as_it_is_written(void **state)
{
    g_autofree char *upper = g_ascii_strup(ONE_PUBLIC, -1);
    g_autofree char *mixed = g_strdup(ONE_PUBLIC);
    g_autofree char *prefix = g_strconcat("x", ONE_PUBLIC, NULL);
    g_autofree char *longer = g_strconcat(ONE_PUBLIC, "q", NULL);
    g_autofree char *space = g_strconcat(ONE_PUBLIC, " ", NULL);
    g_autofree char *shorter = g_strndup(ONE_PUBLIC, strlen(ONE_PUBLIC) - 1);
    const char *const wrong[] = {"",     "age1", "age",   ONE_SECRET,       mixed,   prefix,
                                 longer, space,  shorter, "age1qqqqqqqqqq", "agé1q", "age1bq"};
    AgeKey key;
    (void)state;
    mixed[4] = 'Q';
    assert_true(age_recipient_parse(upper, &key, NULL)); /* Bech32 knows both cases */
    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        assert_false(age_recipient_parse(wrong[i], &key, &error));
        assert_true(error_is(error, ERROR_CONFIG));
        assert_null(strstr(error->message, "SECRET"));
    }
}

/* Bech32 finds up to four changed characters, wherever they are. */
static void one_changed_character_is_found(void **state)
{
    static const char alphabet[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    AgeKey key;
    (void)state;
    for (size_t i = 4; i < strlen(ONE_PUBLIC); i++) {
        for (const char *other = alphabet; *other != '\0'; other++) {
            g_autofree char *text = g_strdup(ONE_PUBLIC);
            text[i] = *other;
            assert_int_equal(age_recipient_parse(text, &key, NULL), *other == ONE_PUBLIC[i]);
        }
    }
}

/* BIP 173: strings with a right checksum, and of the bytes that they hold. */
static void bech32_is_as_published(void **state)
{
    uint8_t data[32];
    (void)state;
    assert_true(bech32_decode("A12UEL5L", 8, "a", data, 0));
    assert_true(bech32_decode("a12uel5l", 8, "a", data, 0));
    assert_false(bech32_decode("a12UEL5L", 8, "a", data, 0));
    assert_false(bech32_decode("A1G7SGD8", 8, "a", data, 0)); /* of the prefix in upper case */
    assert_false(bech32_decode("a12uel5l", 8, "b", data, 0));
    assert_false(bech32_decode("a12uel5l", 8, "a", data, 1));
}

typedef struct {
    const char *text;
    int keys; /* -1: refused */
} File;

static void a_file_of_identities_is_read_line_by_line(void **state)
{
    static const File files[] = {
        {ONE_SECRET, 1},
        {ONE_SECRET "\n", 1},
        {ONE_SECRET "\r\n", 1},
        {"# created: today\n# public key: " ONE_PUBLIC "\n" ONE_SECRET "\n", 1},
        {"\n\n" ONE_SECRET "\n\n# and\n" TWO_SECRET "\n\n", 2},
        {"", -1},
        {"\n# nothing\n", -1},
        {ONE_PUBLIC "\n", -1},
        {" " ONE_SECRET "\n", -1},
        {ONE_SECRET " \n", -1},
        {ONE_SECRET "\nmore\n", -1},
        {ONE_SECRET ONE_SECRET "\n", -1},
        {"age-secret-key-15m7fpyzwma9spfsn4j0wcfj4zamkdvl8qayjtav9aa2x7x2g2hcsnpmta3\n", -1},
        {"AGE-PLUGIN-YUBIKEY-1QQ\n", -1},
        {"-----BEGIN OPENSSH PRIVATE KEY-----\n", -1},
        {AGE_VERSION_LINE "-> X25519 a\n", -1},
    };
    (void)state;
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autoptr(AgeIdentities) identities = age_identities_new();
        g_autoptr(GError) error = NULL;
        const bool added = age_identities_add_text(identities, "keys", files[i].text,
                                                   strlen(files[i].text), &error);
        assert_int_equal(added, files[i].keys > 0);
        if (added) {
            assert_int_equal(age_identities_openers(identities).keys->len, files[i].keys);
            continue;
        }
        assert_true(error_is(error, ERROR_CONFIG));
        assert_null(strstr(error->message, "5M7FPYZ"));
        assert_null(g_strrstr(error_hint(error) != NULL ? error_hint(error) : "", "5M7FPYZ"));
    }
}

static void what_a_file_is_instead_is_told(void **state)
{
    g_autoptr(AgeIdentities) identities = age_identities_new();
    g_autoptr(GError) error = NULL;
    const char *encrypted = AGE_VERSION_LINE "-> scrypt a 18\n";
    (void)state;
    assert_false(
        age_identities_add_text(identities, "key.age", encrypted, strlen(encrypted), &error));
    assert_string_equal(error->message, "'key.age': line 1 is no secret key of age");
    assert_non_null(strstr(error_hint(error), "age -d 'key.age'"));
}

static void a_file_may_be_a_pipe(void **state)
{
    g_autoptr(AgeIdentities) identities = age_identities_new();
    g_autofree char *path = NULL;
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], ONE_SECRET, strlen(ONE_SECRET)), strlen(ONE_SECRET));
    close(ends[1]);
    path = g_strdup_printf("/dev/fd/%d", ends[0]);
    assert_true(age_identities_add_file(identities, path, NULL));
    assert_false(age_identities_are_none(identities));
    close(ends[0]);
}

static void a_passphrase_is_a_first_line(void **state)
{
    g_autoptr(AgeIdentities) identities = age_identities_new();
    g_autofree char *path = g_build_filename(*state, "passphrase", NULL);
    g_autoptr(GError) error = NULL;
    assert_true(g_file_set_contents(path, "correct horse\r\nmore\n", -1, NULL));
    assert_true(age_identities_add_passphrase_file(identities, path, &error));
    assert_string_equal(g_ptr_array_index(age_identities_openers(identities).passphrases, 0),
                        "correct horse");
    assert_true(g_file_set_contents(path, "\n", -1, NULL));
    assert_false(age_identities_add_passphrase_file(identities, path, &error));
    assert_true(error_is(error, ERROR_CONFIG));
}

static void a_file_that_is_not_there_is_named(void **state)
{
    g_autoptr(AgeIdentities) identities = age_identities_new();
    g_autofree char *path = g_build_filename(*state, "absent", NULL);
    g_autoptr(GError) error = NULL;
    assert_false(age_identities_add_file(identities, path, &error));
    assert_true(error_is(error, ERROR_IO));
    assert_non_null(strstr(error->message, path));
    g_clear_error(&error);
    assert_false(age_identities_add_file(identities, *state, &error)); /* a folder */
    assert_true(error_is(error, ERROR_IO));
    g_clear_error(&error);
    assert_false(age_identities_add_file(identities, "/dev/zero", &error));
    assert_true(error_is(error, ERROR_CONFIG));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_public_key_is_that_of_its_secret_one),
        cmocka_unit_test(a_recipient_is_taken_as_it_is_written),
        cmocka_unit_test(one_changed_character_is_found),
        cmocka_unit_test(bech32_is_as_published),
        cmocka_unit_test(a_file_of_identities_is_read_line_by_line),
        cmocka_unit_test(what_a_file_is_instead_is_told),
        cmocka_unit_test(a_file_may_be_a_pipe),
        cmocka_unit_test_setup_teardown(a_passphrase_is_a_first_line, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(a_file_that_is_not_there_is_named, make_folder,
                                        remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
