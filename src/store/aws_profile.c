#include "store/aws_profile.h"

#include "base/error.h"
#include "base/file.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX_BYTES ((size_t)1024 * 1024)

struct AwsProfiles {
    GHashTable *settings; /* "section\nkey" -> value; "section\n" for the section itself */
};

/* What is being read. */
typedef struct {
    AwsProfiles *profiles;
    bool is_credentials;
    char *section; /* "profile x", "services y"; NULL: one that is none of ours */
    char *parent;  /* the key that indented lines belong to */
} Reader;

static void set(const Reader *reader, const char *key, const char *value)
{
    g_hash_table_replace(reader->profiles->settings, g_strconcat(reader->section, "\n", key, NULL),
                         g_strdup(value));
}

/* "[default]", "[profile x]" and "[services y]" in the one file, "[x]" in the other. */
static void begin_section(Reader *reader, char *line)
{
    char *end = strchr(line, ']');
    g_auto(GStrv) words = NULL;
    g_clear_pointer(&reader->section, g_free);
    g_clear_pointer(&reader->parent, g_free);
    if (end == NULL)
        return;
    *end = '\0';
    g_strstrip(line + 1);
    words = g_strsplit_set(line + 1, " \t", 2);
    if (words[0] == NULL)
        return;
    if (reader->is_credentials || strcmp(line + 1, "default") == 0)
        reader->section = g_strconcat("profile ", line + 1, NULL);
    else if (words[1] != NULL &&
             (strcmp(words[0], "profile") == 0 || strcmp(words[0], "services") == 0))
        reader->section = g_strconcat(words[0], " ", g_strstrip(words[1]), NULL);
    if (reader->section != NULL)
        set(reader, "", "");
}

static void cut_comment(char *value)
{
    for (char *at = value; *at != '\0'; at++) {
        if ((*at == '#' || *at == ';') && at > value && g_ascii_isspace(at[-1])) {
            *at = '\0';
            return;
        }
    }
}

static void read_line(Reader *reader, char *line)
{
    const bool indented = g_ascii_isspace(line[0]);
    char *equals = NULL;
    g_strstrip(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';')
        return;
    if (line[0] == '[') {
        begin_section(reader, line);
        return;
    }
    equals = strchr(line, '=');
    if (reader->section == NULL || equals == NULL)
        return;
    *equals = '\0';
    cut_comment(equals + 1);
    g_strchomp(line);
    g_strstrip(equals + 1);
    if (indented && reader->parent != NULL) {
        g_autofree char *key = g_strconcat(reader->parent, ".", line, NULL);
        set(reader, key, equals + 1);
        return;
    }
    g_free(reader->parent);
    reader->parent = g_strdup(line);
    set(reader, line, equals + 1);
}

static bool read_one(AwsProfiles *profiles, const char *variable, const char *name,
                     bool is_credentials, GError **error)
{
    Reader reader = {.profiles = profiles, .is_credentials = is_credentials};
    const char *chosen = g_getenv(variable);
    g_autofree char *path = chosen != NULL && chosen[0] != '\0'
                                ? g_strdup(chosen)
                                : g_build_filename(g_get_home_dir(), ".aws", name, NULL);
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    size_t size = 0;
    if (access(path, F_OK) != 0 && (errno == ENOENT || errno == ENOTDIR || errno == EACCES))
        return true;
    if (!file_read(path, FILE_MAX_BYTES, &text, &size, error))
        return false;
    lines = g_strsplit(text, "\n", -1);
    for (char **line = lines; *line != NULL; line++)
        read_line(&reader, *line);
    g_free(reader.section);
    g_free(reader.parent);
    return true;
}

AwsProfiles *aws_profiles_load(GError **error)
{
    g_autoptr(AwsProfiles) profiles = g_new0(AwsProfiles, 1);
    profiles->settings = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
    if (!read_one(profiles, "AWS_CONFIG_FILE", "config", false, error) ||
        !read_one(profiles, "AWS_SHARED_CREDENTIALS_FILE", "credentials", true, error))
        return NULL;
    return g_steal_pointer(&profiles);
}

void aws_profiles_free(AwsProfiles *profiles)
{
    if (profiles == NULL)
        return;
    g_hash_table_unref(profiles->settings);
    g_free(profiles);
}

static const char *get(const AwsProfiles *profiles, const char *kind, const char *name,
                       const char *key)
{
    g_autofree char *full = g_strconcat(kind, " ", name, "\n", key, NULL);
    return g_hash_table_lookup(profiles->settings, full);
}

bool aws_profiles_have(const AwsProfiles *profiles, const char *profile)
{
    return get(profiles, "profile", profile, "") != NULL;
}

static const char *unless_empty(const char *text)
{
    return text != NULL && text[0] != '\0' ? text : NULL;
}

const char *aws_profile_get(const AwsProfiles *profiles, const char *profile, const char *key)
{
    return unless_empty(get(profiles, "profile", profile, key));
}

const char *aws_service_get(const AwsProfiles *profiles, const char *name, const char *key)
{
    return unless_empty(get(profiles, "services", name, key));
}

const char *aws_profile_default(void)
{
    const char *chosen = unless_empty(g_getenv("AWS_PROFILE"));
    return chosen != NULL ? chosen : "default";
}
