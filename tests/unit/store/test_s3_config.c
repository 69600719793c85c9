/* s3:// URLs, what the environment and the shared files add to them, and profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/file.h"
#include "store/aws_profile.h"
#include "store/s3_config.h"
#include <string.h>

#define BUCKET "s3://bucket/a/b"

static const char *const variables[] = {
    "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL",   "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_REGION",          "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE",
    "AWS_PROFILE",
};

/* Shared files in a folder of the test's own, and nothing else in the environment. */
static int set_up(void **state)
{
    char *folder = g_dir_make_tmp("drydock-XXXXXX", NULL);
    g_autofree char *config = g_build_filename(folder, "config", NULL);
    g_autofree char *credentials = g_build_filename(folder, "credentials", NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(variables); i++)
        g_unsetenv(variables[i]);
    g_setenv("AWS_CONFIG_FILE", config, TRUE);
    g_setenv("AWS_SHARED_CREDENTIALS_FILE", credentials, TRUE);
    *state = folder;
    return 0;
}

static int tear_down(void **state)
{
    assert_true(file_remove_tree(*state, NULL));
    g_free(*state);
    return 0;
}

static void write_config(const char *text)
{
    assert_true(g_file_set_contents(g_getenv("AWS_CONFIG_FILE"), text, -1, NULL));
}

static S3Config *parsed(const char *url)
{
    g_autoptr(GError) error = NULL;
    S3Config *config = s3_config_parse(url, &error);
    if (config == NULL)
        fail_msg("%s: %s", url, error->message);
    return config;
}

static S3Config *completed(const char *url)
{
    S3Config *config = parsed(url);
    g_autoptr(GError) error = NULL;
    assert_true(s3_config_complete(config, &error));
    return config;
}

static void a_url_says_bucket_and_prefix(void **state)
{
    static const struct {
        const char *url, *bucket, *prefix;
    } cases[] = {
        {"s3://bucket", "bucket", ""},
        {"s3://bucket/", "bucket", ""},
        {"s3://bucket?region=x", "bucket", ""},
        {"s3://bucket/a/b/", "bucket", "a/b/"},
        {"S3://my.bucket_1/a%20b%3F%25?region=a/b", "my.bucket_1", "a b?%/"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(S3Config) config = parsed(cases[i].url);
        assert_string_equal(config->bucket, cases[i].bucket);
        assert_string_equal(config->prefix, cases[i].prefix);
    }
}

static void a_url_says_options(void **state)
{
    g_autoptr(S3Config) config =
        parsed(BUCKET "?endpoint=https%3A%2F%2Fstore%3A9000%2Fs3%2F&region=r&profile=p&ca=%2Fca.pem"
                      "&checksum=md5&sse=aws:kms&sse_key=k&retain=compliance:7d&part_size=16MiB"
                      "&parallel=7&tries=4&timeout=5s&style=host");
    (void)state;
    assert_string_equal(config->endpoint, "https://store:9000/s3");
    assert_string_equal(config->region, "r");
    assert_string_equal(config->profile, "p");
    assert_string_equal(config->ca_file, "/ca.pem");
    assert_string_equal(config->sse, "aws:kms");
    assert_string_equal(config->sse_key, "k");
    assert_int_equal(config->checksum, S3_CHECKSUM_MD5);
    assert_int_equal(config->retain, STORE_LOCK_COMPLIANCE);
    assert_int_equal(config->retain_ms, (int64_t)7 * 24 * 3600 * 1000);
    assert_int_equal(config->part_bytes, 16 * 1024 * 1024);
    assert_int_equal(config->parallel, 7);
    assert_int_equal(config->tries, 4);
    assert_int_equal(config->timeout_ms, 5000);
    assert_int_equal(config->style, S3_STYLE_HOST);
}

static void what_is_wrong_with_a_url_is_said_without_it(void **state)
{
    static const char *const wrong[][2] = {
        {"s3:bucket/a", "s3://BUCKET/PREFIX"},
        {"s3:///secret", "there is no bucket"},
        {"s3://key:secret@bucket/a", "a user or a password"},
        {"s3://buck%65t/secret", "letters, digits"},
        {"s3://bucket/../secret", "'.' or '..'"},
        {"s3://bucket/secret//a", "empty part"},
        {"s3://bucket/secret%2", "percent sign"},
        {"s3://bucket/secret#x", "'#'"},
        {BUCKET "?secret_key=secret", "unknown option 'secret_key'"},
        {BUCKET "?endpoint=http://user:secret@host", "option 'endpoint'"},
        {BUCKET "?endpoint=ftp://secret", "option 'endpoint'"},
        {BUCKET "?endpoint=https://host?secret", "option 'endpoint'"},
        {BUCKET "?checksum=secret", "sha256, md5 or none"},
        {BUCKET "?retain=secret", "governance:DURATION"},
        {BUCKET "?retain=governance:secret", "governance:DURATION"},
        {BUCKET "?part_size=4MiB", "5MiB to 1GiB"},
        {BUCKET "?parallel=0", "1 to 32"},
        {BUCKET "?tries=101", "1 to 100"},
        {BUCKET "?timeout=0", "a second or more"},
        {BUCKET "?style=secret", "path or host"},
        {BUCKET "?region=", "name of a region"},
    };
    (void)state;
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(S3Config) config = s3_config_parse(wrong[i][0], &error);
        if (config != NULL || !error_is(error, ERROR_CONFIG))
            fail_msg("%s was accepted", wrong[i][0]);
        if (strstr(error->message, wrong[i][1]) == NULL)
            fail_msg("%s: '%s' does not say '%s'", wrong[i][0], error->message, wrong[i][1]);
        if (i != 8) /* a name of an option is shown, what it is set to is not */
            assert_null(strstr(error->message, "secret"));
    }
}

static void the_endpoint_comes_from_the_nearest(void **state)
{
    (void)state;
    write_config("[default]\nservices = mine\nendpoint_url = http://profile\n"
                 "[services mine]\ns3 =\n  endpoint_url = http://service\n");
    {
        g_autoptr(S3Config) config = completed(BUCKET);
        assert_string_equal(config->endpoint, "http://service");
    }
    g_setenv("AWS_ENDPOINT_URL", "http://all", TRUE);
    {
        g_autoptr(S3Config) config = completed(BUCKET);
        assert_string_equal(config->endpoint, "http://all");
    }
    g_setenv("AWS_ENDPOINT_URL_S3", "http://s3/", TRUE);
    {
        g_autoptr(S3Config) config = completed(BUCKET);
        g_autoptr(S3Config) own = completed(BUCKET "?endpoint=http://url");
        assert_string_equal(config->endpoint, "http://s3");
        assert_int_equal(config->style, S3_STYLE_PATH);
        assert_string_equal(own->endpoint, "http://url");
    }
    g_setenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true", TRUE);
    {
        g_autoptr(S3Config) config = completed(BUCKET);
        assert_null(config->endpoint);
        assert_int_equal(config->style, S3_STYLE_HOST);
    }
}

static void a_bad_endpoint_of_the_environment_is_not_shown(void **state)
{
    g_autoptr(S3Config) config = parsed(BUCKET);
    g_autoptr(GError) error = NULL;
    (void)state;
    g_setenv("AWS_ENDPOINT_URL", "http://user:secret@host", TRUE);
    assert_false(s3_config_complete(config, &error));
    assert_true(error_is(error, ERROR_CONFIG));
    assert_null(strstr(error->message, "secret"));
}

static void region_style_and_ca_come_from_the_profile(void **state)
{
    (void)state;
    write_config("[default]\nregion = one ; a comment\n"
                 "[profile two]\nregion=two\nca_bundle = /two.pem\ns3 =\n"
                 "    addressing_style = path\n    max_queue_size = 5\nregion_x = y\n");
    {
        g_autoptr(S3Config) config = completed(BUCKET);
        g_autoptr(S3Config) other = completed(BUCKET "?profile=two");
        g_autoptr(S3Config) dotted = completed("s3://a.b/c");
        assert_string_equal(config->region, "one");
        assert_int_equal(config->style, S3_STYLE_HOST);
        assert_null(config->ca_file);
        assert_string_equal(other->region, "two");
        assert_int_equal(other->style, S3_STYLE_PATH);
        assert_string_equal(other->ca_file, "/two.pem");
        assert_int_equal(dotted->style, S3_STYLE_PATH);
    }
    g_setenv("AWS_PROFILE", "two", TRUE);
    g_setenv("AWS_DEFAULT_REGION", "three", TRUE);
    {
        g_autoptr(S3Config) config = completed(BUCKET);
        assert_string_equal(config->region, "three");
        assert_string_equal(config->ca_file, "/two.pem");
    }
    g_setenv("AWS_REGION", "four", TRUE);
    {
        g_autoptr(S3Config) config = completed(BUCKET);
        assert_string_equal(config->region, "four");
    }
}

static void the_credentials_file_wins(void **state)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(AwsProfiles) profiles = NULL;
    (void)state;
    write_config("# of the machine\n[profile a]\naws_access_key_id = config\nregion = r\n"
                 "[sso-session x]\nregion = z\n[profile b\nregion = torn\n");
    assert_true(g_file_set_contents(g_getenv("AWS_SHARED_CREDENTIALS_FILE"),
                                    "[a]\naws_access_key_id = credentials\n"
                                    "aws_secret_access_key = s=#;e\r\n",
                                    -1, NULL));
    profiles = aws_profiles_load(&error);
    assert_non_null(profiles);
    assert_string_equal(aws_profile_get(profiles, "a", "aws_access_key_id"), "credentials");
    assert_string_equal(aws_profile_get(profiles, "a", "aws_secret_access_key"), "s=#;e");
    assert_string_equal(aws_profile_get(profiles, "a", "region"), "r");
    assert_true(aws_profiles_have(profiles, "a"));
    assert_false(aws_profiles_have(profiles, "b"));
    assert_false(aws_profiles_have(profiles, "x"));
    assert_null(aws_profile_get(profiles, "a", "nothing"));
}

static void without_files_there_are_defaults(void **state)
{
    g_autoptr(S3Config) config = completed("s3://bucket");
    (void)state;
    assert_string_equal(config->region, "us-east-1");
    assert_null(config->endpoint);
    assert_int_equal(config->checksum, S3_CHECKSUM_SHA256);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_url_says_bucket_and_prefix),
        cmocka_unit_test(a_url_says_options),
        cmocka_unit_test(what_is_wrong_with_a_url_is_said_without_it),
        TEST(the_endpoint_comes_from_the_nearest),
        TEST(a_bad_endpoint_of_the_environment_is_not_shown),
        TEST(region_style_and_ca_come_from_the_profile),
        TEST(the_credentials_file_wins),
        TEST(without_files_there_are_defaults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
