#include "stream/age_header.h"

#include "base/error.h"
#include <string.h>

#define COLUMNS 64
#define MAC_CHARACTERS 43
#define FOOTER_BYTES (4 + MAC_CHARACTERS + 1)
#define X25519_INFO "age-encryption.org/v1/X25519"
#define SCRYPT_LABEL "age-encryption.org/v1/scrypt"
#define SCRYPT_SALT_BYTES 16

static const uint8_t zero_nonce[AGE_NONCE_BYTES];

/* ---- base64 ---- */

static int sextet(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Appends. Canonical: no padding, and the bits that belong to no byte are zeros. */
static bool decode(const char *text, size_t length, GByteArray *out)
{
    uint32_t bits = 0;
    unsigned n_bits = 0;
    for (size_t i = 0; i < length; i++) {
        const int value = sextet(text[i]);
        if (value < 0)
            return false;
        bits = (bits << 6 | (uint32_t)value) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            const uint8_t byte = (uint8_t)(bits >> (n_bits -= 8));
            g_byte_array_append(out, &byte, 1);
        }
    }
    return length % 4 != 1 && (bits & ((1U << n_bits) - 1)) == 0;
}

static void append_base64(GString *out, const uint8_t *data, size_t size_bytes)
{
    g_autofree char *text = g_base64_encode(data, size_bytes);
    text[strcspn(text, "=")] = '\0';
    g_string_append(out, text);
}

/* ---- reading ---- */

typedef struct {
    GPtrArray *arguments; /* char *; the first is the kind */
    GByteArray *body;
} Stanza;

static void stanza_free(Stanza *stanza)
{
    g_ptr_array_free(stanza->arguments, TRUE);
    g_byte_array_free(stanza->body, TRUE);
    g_free(stanza);
}

static bool malformed(GError **error, const char *how)
{
    error_set(error, ERROR_INTEGRITY, "the header of the encryption is malformed: %s", how);
    return false;
}

/* The next line, without its end. */
static bool take_line(const char **at, const char *end, const char **line, size_t *length)
{
    const char *feed = memchr(*at, '\n', (size_t)(end - *at));
    if (feed == NULL)
        return false;
    *line = *at;
    *length = (size_t)(feed - *at);
    *at = feed + 1;
    return true;
}

/* "KIND ARGUMENT ...": printable characters, single spaces. */
static bool take_arguments(const char *line, size_t length, Stanza *stanza)
{
    size_t begin = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && line[i] != ' ') {
            if (line[i] < 0x21 || line[i] > 0x7e)
                return false;
            continue;
        }
        if (i == begin)
            return false;
        g_ptr_array_add(stanza->arguments, g_strndup(line + begin, i - begin));
        begin = i + 1;
    }
    return true;
}

static bool take_body(const char **at, const char *end, Stanza *stanza)
{
    const char *line = NULL;
    size_t length = COLUMNS;
    while (length == COLUMNS) {
        if (!take_line(at, end, &line, &length) || length > COLUMNS ||
            !decode(line, length, stanza->body))
            return false;
    }
    return true;
}

static bool take_stanza(const char **at, const char *end, GPtrArray *stanzas, GError **error)
{
    Stanza *stanza = g_new0(Stanza, 1);
    const char *line = NULL;
    size_t length = 0;
    stanza->arguments = g_ptr_array_new_with_free_func(g_free);
    stanza->body = g_byte_array_new();
    g_ptr_array_add(stanzas, stanza);
    if (!take_line(at, end, &line, &length) || length < 3 || memcmp(line, "-> ", 3) != 0 ||
        !take_arguments(line + 3, length - 3, stanza))
        return malformed(error, "a line is no beginning of a recipient");
    return take_body(at, end, stanza) || malformed(error, "the body of a recipient is none");
}

static bool take_mac(const char *footer, size_t length, AgeKey *mac, GError **error)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    if (length != FOOTER_BYTES || memcmp(footer, "--- ", 4) != 0 ||
        !decode(footer + 4, MAC_CHARACTERS, bytes) || footer[length - 1] != '\n')
        return malformed(error, "its last line is none");
    memcpy(mac->bytes, bytes->data, sizeof mac->bytes);
    return true;
}

size_t age_header_size(const char *data, size_t size_bytes)
{
    const char *footer = memmem(data, size_bytes, "\n---", 4);
    const char *feed = NULL;
    if (footer == NULL)
        return 0;
    feed = memchr(footer + 1, '\n', size_bytes - (size_t)(footer + 1 - data));
    return feed != NULL ? (size_t)(feed + 1 - data) : 0;
}

/* Everything between the version and the MAC. */
static GPtrArray *take_stanzas(const char *data, size_t footer_at, GError **error)
{
    g_autoptr(GPtrArray) stanzas = g_ptr_array_new_with_free_func((GDestroyNotify)stanza_free);
    const char *at = data + strlen(AGE_VERSION_LINE), *end = data + footer_at;
    while (at < end) {
        if (!take_stanza(&at, end, stanzas, error))
            return NULL;
    }
    if (stanzas->len > 0)
        return g_steal_pointer(&stanzas);
    malformed(error, "it has no recipients");
    return NULL;
}

/* ---- opening ---- */

static bool unwrap(const AgeKey *key, const GByteArray *body, AgeFileKey *file_key)
{
    g_autoptr(AgeCipher) cipher = age_cipher_new(key, false);
    return age_unseal(cipher, zero_nonce, body->data, AGE_FILE_KEY_BYTES, file_key->bytes);
}

static AgeKey x25519_wrapping_key(const AgeKey *shared, const AgeKey *share,
                                  const AgeKey *recipient)
{
    uint8_t salt[2 * AGE_KEY_BYTES];
    memcpy(salt, share->bytes, AGE_KEY_BYTES);
    memcpy(salt + AGE_KEY_BYTES, recipient->bytes, AGE_KEY_BYTES);
    return age_hkdf(shared->bytes, sizeof shared->bytes, salt, sizeof salt, X25519_INFO);
}

/* An argument that is so many bytes of base64. */
static bool take_argument(const Stanza *stanza, guint i, void *bytes, size_t size_bytes)
{
    const char *text = g_ptr_array_index(stanza->arguments, i);
    g_autoptr(GByteArray) decoded = g_byte_array_new();
    if (!decode(text, strlen(text), decoded) || decoded->len != size_bytes)
        return false;
    memcpy(bytes, decoded->data, size_bytes);
    return true;
}

/* False if the file cannot be right, whoever is to read it; *opened if one of the keys fits. */
static bool open_x25519(const Stanza *stanza, const GArray *keys, AgeFileKey *file_key,
                        bool *opened, GError **error)
{
    AgeKey share;
    if (stanza->arguments->len != 2 || !take_argument(stanza, 1, share.bytes, sizeof share.bytes))
        return malformed(error, "a recipient's share is no point of X25519");
    if (stanza->body->len != AGE_WRAPPED_BYTES)
        return malformed(error, "a recipient's key is none");
    for (guint i = 0; i < keys->len && !*opened; i++) {
        const AgeKey *secret = &g_array_index(keys, AgeKey, i);
        const AgeKey recipient = age_x25519_public(secret);
        AgeKey shared, key;
        if (!age_x25519_shared(secret, &share, &shared))
            return malformed(error, "a recipient's share is a point of low order");
        key = x25519_wrapping_key(&shared, &share, &recipient);
        *opened = unwrap(&key, stanza->body, file_key);
        age_wipe(&shared, sizeof shared);
        age_wipe(&key, sizeof key);
    }
    return true;
}

/* Without sign or leading zero. */
static bool take_log_n(const Stanza *stanza, unsigned *log_n)
{
    const char *text = g_ptr_array_index(stanza->arguments, 2);
    const size_t length = strlen(text);
    if (length > 2 || text[0] == '0' || strspn(text, "0123456789") != length)
        return false;
    *log_n = (unsigned)g_ascii_strtoull(text, NULL, 10);
    return true;
}

static bool try_passphrase(const char *passphrase, const uint8_t *salt, unsigned log_n,
                           const GByteArray *body, AgeFileKey *file_key, bool *opened,
                           GError **error)
{
    uint8_t labelled[sizeof SCRYPT_LABEL - 1 + SCRYPT_SALT_BYTES];
    AgeKey key;
    memcpy(labelled, SCRYPT_LABEL, sizeof SCRYPT_LABEL - 1);
    memcpy(labelled + sizeof SCRYPT_LABEL - 1, salt, SCRYPT_SALT_BYTES);
    if (!age_scrypt(passphrase, labelled, sizeof labelled, log_n, &key)) {
        error_set(error, ERROR_FAILED, "there is no memory for the passphrase's scrypt: %u MiB",
                  1U << log_n >> 10);
        return false;
    }
    *opened = unwrap(&key, body, file_key);
    age_wipe(&key, sizeof key);
    return true;
}

static bool open_scrypt(const Stanza *stanza, const GPtrArray *passphrases, AgeFileKey *file_key,
                        bool *opened, GError **error)
{
    uint8_t salt[SCRYPT_SALT_BYTES];
    unsigned log_n = 0;
    if (stanza->arguments->len != 3 || !take_argument(stanza, 1, salt, sizeof salt) ||
        !take_log_n(stanza, &log_n))
        return malformed(error, "the passphrase's salt or work factor is none");
    if (stanza->body->len != AGE_WRAPPED_BYTES)
        return malformed(error, "the passphrase's key is none");
    if (log_n > AGE_SCRYPT_LOG_N_MAX) {
        error_set(error, ERROR_INTEGRITY,
                  "the passphrase's work factor is %u: more than %d is refused, since it takes too "
                  "much memory and time",
                  log_n, AGE_SCRYPT_LOG_N_MAX);
        return false;
    }
    for (guint i = 0; i < passphrases->len && !*opened; i++) {
        if (!try_passphrase(g_ptr_array_index(passphrases, i), salt, log_n, stanza->body, file_key,
                            opened, error))
            return false;
    }
    return true;
}

static bool is_of_kind(const Stanza *stanza, const char *kind)
{
    return strcmp(g_ptr_array_index(stanza->arguments, 0), kind) == 0;
}

/* Nobody shall believe that only who knows the passphrase could have written the file, and then
 * find another recipient in it: scrypt is alone. */
static bool check_alone(const GPtrArray *stanzas, bool *has_passphrase, GError **error)
{
    for (guint i = 0; i < stanzas->len; i++)
        *has_passphrase = *has_passphrase || is_of_kind(g_ptr_array_index(stanzas, i), "scrypt");
    return !*has_passphrase || stanzas->len == 1 ||
           malformed(error, "a passphrase stands beside other recipients");
}

static bool no_match(bool has_passphrase, GError **error)
{
    if (has_passphrase) {
        error_set(error, ERROR_CONFIG,
                  "it is encrypted with a passphrase, and none that was given "
                  "opens it");
        error_hint_set(error, "name a file with the passphrase: --passphrase-file FILE");
        return false;
    }
    error_set(error, ERROR_CONFIG, "it is encrypted, and no identity that was given opens it");
    error_hint_set(error, "name the file with the secret key of one of its recipients: --identity "
                          "FILE");
    return false;
}

/* All stanzas are looked at, also behind one that fits. */
static bool find_file_key(const GPtrArray *stanzas, const AgeOpeners *openers, AgeFileKey *file_key,
                          GError **error)
{
    bool opened = false, has_passphrase = false;
    if (!check_alone(stanzas, &has_passphrase, error))
        return false;
    for (guint i = 0; i < stanzas->len; i++) {
        const Stanza *stanza = g_ptr_array_index(stanzas, i);
        if (is_of_kind(stanza, "X25519") &&
            !open_x25519(stanza, openers->keys, file_key, &opened, error))
            return false;
        if (is_of_kind(stanza, "scrypt") &&
            !open_scrypt(stanza, openers->passphrases, file_key, &opened, error))
            return false;
    }
    return opened || no_match(has_passphrase, error);
}

/* Of the header up to and with the three dashes of its last line. */
static AgeKey make_mac(const AgeFileKey *file_key, const char *data, size_t size_bytes)
{
    AgeKey key = age_hkdf(file_key->bytes, sizeof file_key->bytes, "", 0, "header");
    const AgeKey mac = age_hmac(&key, data, size_bytes);
    age_wipe(&key, sizeof key);
    return mac;
}

bool age_header_open(const char *data, size_t size_bytes, const AgeOpeners *openers,
                     AgeFileKey *file_key, GError **error)
{
    const char *footer = memmem(data, size_bytes, "\n---", 4);
    const size_t footer_at = footer != NULL ? (size_t)(footer + 1 - data) : 0;
    g_autoptr(GPtrArray) stanzas = NULL;
    AgeKey stored, mac;
    if (footer_at < strlen(AGE_VERSION_LINE) ||
        memcmp(data, AGE_VERSION_LINE, strlen(AGE_VERSION_LINE)) != 0)
        return malformed(error, "its first line is none");
    stanzas = take_stanzas(data, footer_at, error);
    if (stanzas == NULL || !take_mac(data + footer_at, size_bytes - footer_at, &stored, error) ||
        !find_file_key(stanzas, openers, file_key, error))
        return false;
    mac = make_mac(file_key, data, footer_at + 3);
    if (age_same(mac.bytes, stored.bytes, sizeof mac.bytes))
        return true;
    error_set(error, ERROR_INTEGRITY, "the header of the encryption was changed: its MAC differs");
    return false;
}

/* ---- writing ---- */

static bool append_recipient(GString *header, const AgeFileKey *file_key, const AgeKey *recipient,
                             GError **error)
{
    AgeKey secret, share, shared, key;
    uint8_t wrapped[AGE_WRAPPED_BYTES];
    age_random(secret.bytes, sizeof secret.bytes);
    share = age_x25519_public(&secret);
    if (!age_x25519_shared(&secret, recipient, &shared)) {
        error_set(error, ERROR_CONFIG,
                  "a recipient is a point of low order, which keeps nothing "
                  "secret");
        return false;
    }
    key = x25519_wrapping_key(&shared, &share, recipient);
    g_autoptr(AgeCipher) cipher = age_cipher_new(&key, true);
    age_seal(cipher, zero_nonce, file_key->bytes, sizeof file_key->bytes, wrapped);
    age_wipe(&secret, sizeof secret);
    age_wipe(&shared, sizeof shared);
    age_wipe(&key, sizeof key);
    g_string_append(header, "-> X25519 ");
    append_base64(header, share.bytes, sizeof share.bytes);
    g_string_append_c(header, '\n');
    append_base64(header, wrapped, sizeof wrapped);
    g_string_append_c(header, '\n');
    return true;
}

GString *age_header_make(const AgeFileKey *file_key, const AgeKey *recipients, size_t n_recipients,
                         GError **error)
{
    g_autoptr(GString) header = g_string_new(AGE_VERSION_LINE);
    AgeKey mac;
    for (size_t i = 0; i < n_recipients; i++) {
        if (!append_recipient(header, file_key, &recipients[i], error))
            return NULL;
    }
    g_string_append(header, "---");
    mac = make_mac(file_key, header->str, header->len);
    g_string_append_c(header, ' ');
    append_base64(header, mac.bytes, sizeof mac.bytes);
    g_string_append_c(header, '\n');
    return g_steal_pointer(&header);
}
