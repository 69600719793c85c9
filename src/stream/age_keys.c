/* Recipients and identities: age's keys as text. */
#include "stream/age_keys.h"
#include "base/error.h"
#include "stream/age.h"
#include "stream/bech32.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX ((size_t)1024 * 1024)
#define SECRET_PREFIX "age-secret-key-"

bool age_recipient_parse(const char *text, AgeKey *recipient, GError **error)
{
    if (bech32_decode(text, strlen(text), "age", recipient->bytes, sizeof recipient->bytes))
        return true;
    /* A secret key that was put in the wrong place must not be repeated. */
    error_set(error, ERROR_CONFIG, "a recipient is no public key of age");
    error_hint_set(error, "it begins with age1, as age-keygen -y writes it");
    return false;
}

/* ---- identities ---- */

struct AgeIdentities {
    GArray *keys;
    GPtrArray *passphrases;
};

static void wipe_key(gpointer key)
{
    age_wipe(key, sizeof(AgeKey));
}

static void wipe_text(gpointer text)
{
    age_wipe(text, strlen(text));
    g_free(text);
}

AgeIdentities *age_identities_new(void)
{
    AgeIdentities *identities = g_new0(AgeIdentities, 1);
    identities->keys = g_array_new(FALSE, FALSE, sizeof(AgeKey));
    g_array_set_clear_func(identities->keys, wipe_key);
    identities->passphrases = g_ptr_array_new_with_free_func(wipe_text);
    return identities;
}

void age_identities_free(AgeIdentities *identities)
{
    if (identities == NULL)
        return;
    g_array_free(identities->keys, TRUE);
    g_ptr_array_free(identities->passphrases, TRUE);
    g_free(identities);
}

AgeOpeners age_identities_openers(const AgeIdentities *identities)
{
    return (AgeOpeners){identities->keys, identities->passphrases};
}

bool age_identities_are_none(const AgeIdentities *identities)
{
    return identities->keys->len == 0 && identities->passphrases->len == 0;
}

/* ---- files ---- */

/* A secret may come through a pipe, so that it never lies on a disk. The text has a NUL behind it;
 * the caller wipes and frees it. */
static char *read_secret(const char *path, size_t *size_bytes, GError **error)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    char *text = NULL;
    size_t have = 0;
    ssize_t got = 0;
    if (fd < 0) {
        error_set_errno(error, errno, "cannot open '%s'", path);
        return NULL;
    }
    text = g_malloc0(FILE_MAX + 1);
    while (have < FILE_MAX && (got = read(fd, text + have, FILE_MAX - have)) != 0) {
        if (got < 0 && errno != EINTR)
            break;
        have += got > 0 ? (size_t)got : 0;
    }
    if (got < 0)
        error_set_errno(error, errno, "cannot read '%s'", path);
    else if (have == FILE_MAX)
        error_set(error, ERROR_CONFIG, "'%s' is too large for a file with keys", path);
    (void)close(fd);
    *size_bytes = have;
    if (got >= 0 && have < FILE_MAX)
        return text;
    age_wipe(text, have);
    g_free(text);
    return NULL;
}

static bool bad_line(GError **error, const char *name, guint number, const char *line,
                     size_t length)
{
    static const char upper[] = "AGE-PLUGIN-", ssh[] = "-----BEGIN ";
    error_set(error, ERROR_CONFIG, "'%s': line %u is no secret key of age", name, number);
    if (length >= strlen(upper) && memcmp(line, upper, strlen(upper)) == 0)
        error_hint_set(error, "keys of plugins are not supported: decrypt it with age first");
    else if (length >= strlen(ssh) && memcmp(line, ssh, strlen(ssh)) == 0)
        error_hint_set(error, "SSH keys are not supported: decrypt it with age first");
    else if (number == 1 && length == strlen(AGE_VERSION_LINE) - 1 &&
             memcmp(line, AGE_VERSION_LINE, length) == 0)
        error_hint_set(error, "the file is encrypted itself: age -d '%s' gives the key", name);
    else
        error_hint_set(error, "age-keygen writes such files: AGE-SECRET-KEY-1... on a line");
    return false;
}

static bool add_line(AgeIdentities *identities, const char *name, guint number, const char *line,
                     size_t length, GError **error)
{
    AgeKey key;
    if (length > 0 && line[length - 1] == '\r')
        length--;
    if (length == 0 || line[0] == '#')
        return true;
    if (!bech32_decode(line, length, SECRET_PREFIX, key.bytes, sizeof key.bytes) ||
        !g_ascii_isupper(line[0]))
        return bad_line(error, name, number, line, length);
    g_array_append_val(identities->keys, key);
    age_wipe(&key, sizeof key);
    return true;
}

bool age_identities_add_text(AgeIdentities *identities, const char *name, const char *text,
                             size_t size_bytes, GError **error)
{
    const char *at = text, *end = text + size_bytes;
    const guint before = identities->keys->len;
    for (guint number = 1; at < end; number++) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        const size_t length = (size_t)((feed != NULL ? feed : end) - at);
        if (!add_line(identities, name, number, at, length, error))
            return false;
        at += length + 1;
    }
    if (identities->keys->len > before)
        return true;
    error_set(error, ERROR_CONFIG, "'%s' has no secret key in it", name);
    return false;
}

bool age_identities_add_file(AgeIdentities *identities, const char *path, GError **error)
{
    size_t size_bytes = 0;
    char *text = read_secret(path, &size_bytes, error);
    const bool added =
        text != NULL && age_identities_add_text(identities, path, text, size_bytes, error);
    if (text != NULL)
        age_wipe(text, size_bytes);
    g_free(text);
    return added;
}

void age_identities_add_passphrase(AgeIdentities *identities, const char *passphrase)
{
    g_ptr_array_add(identities->passphrases, g_strdup(passphrase));
}

bool age_identities_add_passphrase_file(AgeIdentities *identities, const char *path, GError **error)
{
    size_t size_bytes = 0;
    char *text = read_secret(path, &size_bytes, error);
    bool added = false;
    if (text == NULL)
        return false;
    text[strcspn(text, "\r\n")] = '\0';
    added = text[0] != '\0';
    if (added)
        age_identities_add_passphrase(identities, text);
    else
        error_set(error, ERROR_CONFIG, "'%s' has no passphrase on its first line", path);
    age_wipe(text, size_bytes);
    g_free(text);
    return added;
}
