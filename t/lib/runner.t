# The runner itself: each section of a block is seen to hold and to fail.

use strict;
use warnings;

use FindBin;
use File::Path qw(remove_tree);
use File::Temp qw(tempdir);
use Test::More;

my $dir = tempdir(CLEANUP => 1);
$ENV{TEST_NGINX_SERVROOT} = "$dir/servroot";

my $config = <<'EOF';
--- config
    location = /t { add_header X-Kind "one two"; return 200 "hello\n"; }
    location = /lost { return 404 "lost\n"; }
    location = /header { return 200 "$http_x_asked|$http_host\n"; }
    location = /method { return 200 "$request_method $content_length\n"; }
    location = /env { return 200 "$server_port\n"; }
    location = /log { error_page 404 /missing-page; }
    location = /slow { limit_rate 1; return 200 "slowly"; }
    location = /silent { return 444; }
    location = /file { root html; try_files /a/b.txt =404; }
    location = /stub { stub_status; }
    location = /bare { return 200 hello; }
    location = /blank { add_header X-Kind "one "; return 200; }
    location = /drops { limit_rate 50; return 200 "drop by drop\n"; }
EOF

# what nginx was given, and the environment of its process, as init finds them
my $given = 'my $root = $ENV{TEST_NGINX_SERVER_ROOT};'
    . ' my $read = sub { local (@ARGV, $/) = @_; <> };'
    . ' my $conf = $read->("$root/conf/nginx.conf");'
    . ' my ($pid) = $read->("$root/logs/nginx.pid") =~ /(\d+)/;'
    . ' my $environment = $read->("/proc/$pid/environ");';

# [ what, block, how many checks hold, how many fail ]; a block without a
# --- config line gets the one above
my @rows = (
    ['status code 200 by default', "--- request\nGET /t", 1, 0],
    ['status code 200 by default, fails', "--- request\nGET /lost", 0, 1],
    ['error_code', "--- request\nGET /lost\n--- error_code: 404", 1, 0],
    ['error_code fails', "--- request\nGET /t\n--- error_code: 404", 0, 1],
    ['error_code of a block has its newline',
     "--- request\nGET /lost\n--- error_code\n404", 0, 1],
    ['error_code_like',
     "--- request\nGET /t\n--- error_code_like: ^2", 1, 0],
    ['error_code_like fails',
     "--- request\nGET /t\n--- error_code_like: ^4", 0, 1],

    ['response_body', "--- request\nGET /t\n--- response_body\nhello", 2, 0],
    ['response_body fails',
     "--- request\nGET /t\n--- response_body\nhell", 1, 1],
    ['response_body chomp fails',
     "--- request\nGET /t\n--- response_body chomp\nhello", 1, 1],
    ['response_body eval',
     "--- request\nGET /t\n--- response_body eval\nqr/^hel+o\$/", 2, 0],
    ['response_body eval fails',
     "--- request\nGET /t\n--- response_body eval\nqr/^helo\$/", 1, 1],
    ['response_body_like',
     "--- request\nGET /t\n--- response_body_like: h.l", 2, 0],
    ['response_body_like fails',
     "--- request\nGET /t\n--- response_body_like: h.x", 1, 1],
    ['response_body_unlike',
     "--- request\nGET /t\n--- response_body_unlike: h.x", 2, 0],
    ['response_body_unlike fails',
     "--- request\nGET /t\n--- response_body_unlike: h.l", 1, 1],
    ['response_body_like of a block has its newline',
     "--- request\nGET /bare\n--- response_body_like\nhello", 1, 1],
    ['response_body_like of a block, chomped',
     "--- request\nGET /bare\n--- response_body_like chomp\nhello", 2, 0],
    ['response_body_unlike of a block has its newline',
     "--- request\nGET /bare\n--- response_body_unlike\nhello", 2, 0],
    ['$ServerPort in a pattern',
     "--- request\nGET /env\n--- response_body_like: ^\$ServerPort\$", 2, 0],
    ['$ServerPort in a body',
     "--- request\nGET /env\n--- response_body\n\$ServerPort", 2, 0],

    ['response_headers',
     "--- request\nGET /t\n--- response_headers\nX-Kind: one two\n! X-None",
     3, 0],
    ['response_headers fails',
     "--- request\nGET /t\n--- response_headers\nX-Kind: one", 1, 1],
    ['response_headers ! fails',
     "--- request\nGET /t\n--- response_headers\n! X-Kind", 1, 1],
    ['response_headers fails, the last blank counts',
     "--- request\nGET /blank\n--- response_headers\nX-Kind: one", 1, 1],
    ['response_headers_like, the last blank counts',
     "--- request\nGET /blank\n--- response_headers_like\nX-Kind: one\\s",
     2, 0],
    ['response_headers_like',
     "--- request\nGET /t\n--- response_headers_like\nX-Kind: o.*o", 2, 0],
    ['response_headers_like fails, the whole value counts',
     "--- request\nGET /t\n--- response_headers_like\nX-Kind: one", 1, 1],
    ['raw_response_headers_like',
     "--- request\nGET /t\n--- raw_response_headers_like: X-Kind: one", 2, 0],
    ['raw_response_headers_unlike fails',
     "--- request\nGET /t\n--- raw_response_headers_unlike: X-Kind: one",
     1, 1],

    ['more_headers',
     "--- request\nGET /header\n--- more_headers\nX-Asked: yes\nHost: h\n"
     . "--- response_body\nyes|h", 2, 0],
    ['request with a body',
     "--- request\nPOST /method\nabc\n--- response_body\nPOST 3", 2, 0],
    ['request with a body and its own length fails to be another',
     "--- request\nPOST /method\nabc\n--- more_headers\nContent-Length: 2\n"
     . "--- response_body\nPOST 3", 1, 1],
    ['request with a body and its own length keeps its last blanks',
     "--- request eval\n\"POST /method\\nabc \\n\"\n"
     . "--- more_headers\nContent-Length: 5\n--- response_body\nPOST 5",
     2, 0],
    ['request with a body and its own length is known by its capitals',
     "--- request\nPOST /method\nabc\n--- more_headers\ncontent-length: 3\n"
     . "--- error_code: 400", 1, 0],
    ['list of requests',
     "--- request eval\n['GET /t', 'GET /lost']\n--- error_code eval\n"
     . "[200, 404]\n--- response_body eval\n[\"hello\\n\", qr/lost/]", 4, 0],
    ['list of requests, the second fails',
     "--- request eval\n['GET /t', 'GET /lost']\n--- error_code eval\n"
     . "[200, 200]", 1, 1],
    ['list of requests, headers for each',
     "--- request eval\n['GET /header', 'GET /header']\n"
     . "--- more_headers eval\n['X-Asked: 1', 'X-Asked: 2']\n"
     . "--- response_body eval\n[qr/1/, qr/2/]", 4, 0],
    ['pipelined_requests',
     "--- pipelined_requests eval\n['GET /t', 'GET /method']\n"
     . "--- response_body eval\n[\"hello\\n\", \"GET \\n\"]", 4, 0],
    ['pipelined_requests, the second fails',
     "--- pipelined_requests eval\n['GET /t', 'GET /method']\n"
     . "--- response_body eval\n[\"hello\\n\", \"hello\\n\"]", 3, 1],
    ['raw_request',
     "--- raw_request eval\n\"GET /method HTTP/1.0\\r\\n\\r\\n\"\n"
     . "--- response_body eval\n\"GET \\n\"", 2, 0],
    ['raw_request fails',
     "--- raw_request eval\n\"GET /t HTTP/9\\r\\n\\r\\n\"", 0, 1],
    ['HEAD', "--- request\nHEAD /t\n--- response_headers\nContent-Length: 6",
     2, 0],

    ['user_files',
     "--- user_files\n>>> a/b.txt\ncontent\n--- request\nGET /file\n"
     . "--- response_body\ncontent", 2, 0],
    ['$TEST_NGINX_ variables in user_files',
     "--- user_files\n>>> a/b.txt\n\$TEST_NGINX_WORD\n--- request\nGET /file\n"
     . "--- response_body\nword", 2, 0],
    ['no user_files', "--- request\nGET /file", 0, 1],

    ['error_log',
     "--- request\nGET /log\n--- error_code: 404\n--- error_log\n"
     . "No such file\n/missing-page", 3, 0],
    ['error_log fails',
     "--- request\nGET /t\n--- timeout: 1\n--- error_log\nNo such file", 1, 1],
    ['error_log comes of each response',
     "--- request eval\n['GET /log', 'GET /t']\n--- timeout: 1\n"
     . "--- error_code eval\n[404, 200]\n--- error_log\nNo such file", 3, 1],
    ['error_log has time to come',
     "--- init\nif (!fork) { select undef, undef, undef, 0.3;"
     . " open my \$log, '>>', \"\$ENV{TEST_NGINX_SERVER_ROOT}/logs/error.log\";"
     . " print \$log \"late\\n\"; close \$log; kill KILL => \$\$ }\n"
     . "--- request\nGET /t\n--- error_log\nlate", 2, 0],
    ['error_log eval',
     "--- request\nGET /log\n--- error_code: 404\n--- error_log eval\n"
     . "[qr/No such f.le/, 'missing-page']", 3, 0],
    ['no_error_log', "--- request\nGET /t\n--- no_error_log\n[error]", 2, 0],
    ['no_error_log fails',
     "--- request\nGET /log\n--- error_code: 404\n--- no_error_log\n[error]",
     1, 1],

    ['no_error_log is about each response',
     "--- request eval\n['GET /log', 'GET /t']\n--- error_code eval\n"
     . "[404, 200]\n--- no_error_log\n[error]", 3, 1],

    ['must_die', "--- config\nnonsense;\n--- must_die\n--- error_log\n"
     . "unknown directive \"nonsense\"", 2, 0],
    ['must_die fails', "--- must_die", 0, 1],
    ['must_die with a code', "--- config\nnonsense;\n--- must_die: 1", 1, 0],
    ['must_die with a code fails',
     "--- config\nnonsense;\n--- must_die: 2", 0, 1],
    ['must_die with a code of a block has its newline',
     "--- config\nnonsense;\n--- must_die\n1", 0, 1],
    ['nginx that does not start',
     "--- config\nnonsense;\n--- request\nGET /t", 0, 1],

    ['timeout', "--- request\nGET /slow\n--- timeout: 300ms", 0, 3],
    ['timeout while nothing moves',
     "--- request\nGET /drops\n--- timeout: 2\n"
     . "--- response_body\ndrop by drop", 2, 0],
    ['timeout and abort',
     "--- request\nGET /slow\n--- timeout: 0.3\n--- abort\n"
     . "--- ignore_response\n--- wait: 0.1\n--- no_error_log\n[error]", 1, 0],
    ['no response', "--- request\nGET /silent", 0, 2],

    ['http_config and main_config',
     "--- main_config\nworker_rlimit_nofile 256;\n"
     . "--- http_config\nmap \$arg_a \$b { default other; 1 one; }\n"
     . "--- config\nlocation /m { return 200 \$b; }\n"
     . "--- request\nGET /m?a=1\n--- response_body chomp\none", 2, 0],
    ['$TEST_NGINX_ variables',
     "--- config\nlocation /v { return 200 \$TEST_NGINX_WORD; }\n"
     . "--- request\nGET /v\n--- response_body chomp\nword", 2, 0],
    ['$ServerPort is nothing to a configuration',
     "--- config\nlocation /v { return 200 \$ServerPort; }\n"
     . "--- request\nGET /v", 0, 1],
    ['init, when nginx has started',
     "--- init\n$given kill 0, \$pid or die;\n--- request\nGET /t", 1, 0],
    ['init, too late for the configuration',
     "--- init\n\$ENV{TEST_NGINX_WORD} = 'made';\n"
     . "--- config\nlocation /v { return 200 \$TEST_NGINX_WORD; }\n"
     . "--- request\nGET /v\n--- response_body chomp\nword", 2, 0],
    ['init, not with must_die',
     "--- config\nnonsense;\n--- must_die\n--- init\ndie;", 1, 0],
    ['events{} and the user after http{}', "--- init\n$given"
     . ' die if $conf !~ /http \{.*accept_mutex off;\s+worker_connections 64;/s'
     . ' || $> == 0 && $conf !~ /http \{.*^user root;$/ms;' . "\n"
     . "--- request\nGET /t", 1, 0],
    ['SKIP', "--- SKIP\n--- request\nGET /lost\n\n=== two\n$config"
     . "--- request\nGET /t", 1, 0],
    ['ONLY', "--- ONLY\n--- request\nGET /t\n\n=== two\n$config"
     . "--- request\nGET /lost", 1, 0],
    ['LAST', "--- LAST\n--- request\nGET /t\n\n=== two\n$config"
     . "--- request\nGET /lost", 1, 0],
);

# [ what, code before run_tests(), block, holding, failing ]
my @programs = (
    ['repeat_each', 'repeat_each(3);', "--- request\nGET /t", 3, 0],
    ['master_on and workers', 'master_on(); workers(2);',
     "--- request\nGET /t\n--- error_log\nstart worker process", 2, 0],
    ['log_level', "log_level('error');",
     "--- request\nGET /t\n--- no_error_log\n[debug]", 2, 0],
    ['no_root_location', 'no_root_location();',
     "--- config\nlocation / { return 200; }\n--- request\nGET /", 1, 0],
    ['no_root_location is needed for a root of its own', '',
     "--- config\nlocation / { return 200; }\n--- request\nGET /", 0, 1],
    ['root location', '', "--- config\n\n--- request\nGET /index.html", 1, 0],
    ['add_block_preprocessor',
     'add_block_preprocessor(sub { $_[0]->set_value(error_code => 404) });',
     "--- request\nGET /lost", 1, 0],
    ['add_block_preprocessor, the last one first', <<'EOF',
for my $code (404, 200) {
    add_block_preprocessor(sub { $_[0]->set_value(error_code => $code) });
}
EOF
     "--- request\nGET /lost", 1, 0],
    ['add_cleanup_handler, the last one first', <<'EOF',
my $n = 0;
add_cleanup_handler(sub { is($n, 1) });
add_cleanup_handler(sub { $n++ });
EOF
     "--- request\nGET /t", 2, 0],
    ['env_to_nginx', "env_to_nginx('WORD=x', 'TEST_NGINX_WORD');",
     "--- init\n$given" . ' die if $environment =~ /\bWORD=x/'
     . ' || $conf !~ /^env WORD=x;\nenv TEST_NGINX_WORD;$/m;' . "\n"
     . "--- request\nGET /t", 1, 0],
    ['error_log comes of each repetition', 'repeat_each(2);',
     "--- request\nGET /t\n--- timeout: 1\n--- error_log\n\"epoll\"", 3, 1],
    ['an nginx that is killed', <<'EOF', "--- request\nGET /t\n--- wait: 0.4",
add_block_preprocessor(sub {
    return if fork;
    select undef, undef, undef, 0.2;
    open my $file, '<', server_root() . '/logs/nginx.pid';
    kill KILL => <$file>;
    require POSIX;
    POSIX::_exit(0);
});
EOF
     1, 1],
    ['an alert nobody asked for', 'master_on();', $config
     . "--- main_config\nworker_rlimit_nofile 999999999;\n"
     . "--- request\nGET /t", 1, 1],
    ['an alert that was asked for', 'master_on();', $config
     . "--- main_config\nworker_rlimit_nofile 999999999;\n"
     . "--- request\nGET /t\n--- error_log\n[alert]", 2, 0],
);

my $two = "--- request eval\n['GET /t', 'GET /t']\n";

# [ what, code before run_tests(), block, why all ends ]
my @refused = (
    ['no config', '', "--- config_of_another\n--- request\nGET /t",
     'no --- config section'],
    ['response_body beside response_body_like', '',
     "--- request\nGET /t\n--- response_body\nhello\n"
     . "--- response_body_like: .", 'response_body hides'],
    ['response_body_like beside response_body_unlike', '',
     "--- request\nGET /t\n--- response_body_like: .\n"
     . "--- response_body_unlike: x", 'response_body_like hides'],
    ['response_headers beside response_headers_like', '',
     "--- request\nGET /t\n--- response_headers\n! X\n"
     . "--- response_headers_like\nX-Kind: .*", 'response_headers hides'],
    ['a list of less than the requests', '',
     "$two--- response_headers eval\n['! X']", 'must be a list of 2'],
    ['a list with a hole', '',
     "$two--- response_body eval\n[\"hello\\n\", undef]",
     'must be a list of 2'],
    ['more_headers for less than the requests', '',
     "$two--- more_headers eval\n['X: y']", 'nothing for request 1'],
    ['a request line of four words', '', "--- request\nGET /t HTTP/1.1 x",
     'not METHOD'],
    ['user_files in braces', '',
     "--- user_files eval\n{ 'a/b.txt' => '' }\n--- request\nGET /t", 'ARRAY'],
    ['wait with a unit', '', "--- request\nGET /t\n--- wait: 100ms",
     'no number of seconds'],
    ['$TEST_NGINX_HTML_DIR, which nobody set', '',
     "--- config\nroot \$TEST_NGINX_HTML_DIR;\n--- request\nGET /t",
     'TEST_NGINX_HTML_DIR is not set'],
    ['what a test leaves in the root',
     'add_block_preprocessor(sub { File::Path::make_path(server_root() . "/left") });',
     "--- request\nGET /t", 'who left this'],
    ['env_to_nginx with blanks', 'env_to_nginx("WORD=x y");',
     "--- request\nGET /t", 'has blanks'],
);

plan tests => 2 * (@rows + @programs + @refused) + 9;

$ENV{TEST_NGINX_WORD} = 'word';

for my $row (@rows) {
    my ($what, $block, $holding, $failing) = @$row;
    check($what, '', $block, $holding, $failing);
}

for my $row (@programs) {
    check(@$row);
}

for my $row (@refused) {
    my ($what, $code, $block, $reason) = @$row;
    my ($tap, $errors) = run($code, $block);

    unlike($tap, qr/^(?:not )?ok /m, "$what: nothing is checked");
    like($tap . $errors, qr/\Q$reason\E/, "$what: it says why");
}

{
    my $blocks = join "\n\n", map { "=== $_\n$config--- request\nGET /t\n" }
                 'a' .. 'f';

    # the order in which blocks ran, and what was said beside
    my $order = sub {
        my ($code, $seed, $more) = @_;

        local $ENV{TEST_NGINX_SEED} = $seed;
        delete $ENV{TEST_NGINX_SEED} if !defined $seed;
        my ($tap, $errors) = run($code, "--- SKIP\n\n$blocks" . ($more // ''));

        return (join('', $tap =~ /ok \d+ - ([a-f]) -/g), $errors);
    };

    my ($first) = $order->('', 1);
    isnt($first, 'abcdef', 'blocks are shuffled');
    is(join('', sort split //, $first), 'abcdef', 'and none is lost');
    is(($order->('', 1))[0], $first, 'a seed repeats an order');
    isnt(($order->('', 2))[0], $first, 'another seed gives another one');
    is(($order->('no_shuffle();', 1))[0], 'abcdef', 'no_shuffle');

    {
        local $ENV{TEST_NGINX_NO_SHUFFLE} = 1;
        is(($order->('', 1))[0], 'abcdef', '$TEST_NGINX_NO_SHUFFLE');
    }

    unlike(($order->(''))[1], qr/SEED/, 'who passes tells no seed');
    my ($failed, $errors) = $order->('', undef, "--- error_code: 404\n");
    my ($seed) = $errors =~ /TEST_NGINX_SEED=(\d+)/;
    ok(defined $seed, 'who fails tells the seed') or diag($errors);
    is(($order->('', $seed))[0], $failed, 'and that one repeats the order');
}


sub check {
    my ($what, $code, $block, $holding, $failing) = @_;
    my ($tap, $errors) = run($code, $block);
    my $held = () = $tap =~ /^ok /mg;
    my $failed = () = $tap =~ /^not ok /mg;

    is($held, $holding, "$what: $holding hold");
    is($failed, $failing, "$what: $failing fail") or diag($tap, $errors);
}


# Runs a test file of that code and block.  Returns what it says on its standard
# output and on its standard error.

sub run {
    my ($code, $block) = @_;

    # what a test left there is its own
    remove_tree("$dir/servroot");
    $block = $config . $block if $block !~ /^--- config/m
                                 || $block =~ /^=== two/m;
    my $file = "$dir/one.t";
    open my $out, '>', $file or die "could not write $file: $!\n";
    print $out "use lib '$FindBin::Bin';\nuse Test::Nginx::Socket 'no_plan';\n"
        . "$code\nrun_tests();\n__DATA__\n\n=== one\n$block\n";
    close $out;

    my $tap = `$^X $file 2>$dir/stderr`;

    return ($tap, do { local (@ARGV, $/) = "$dir/stderr"; <> } // '');
}
