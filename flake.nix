{
  description = "A jail for programs you don't completely trust, around bubblewrap";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      each =
        make:
        lib.genAttrs [ "x86_64-linux" "aarch64-linux" ] (
          system: make nixpkgs.legacyPackages.${system} self.packages.${system}
        );

      # Alpine's release and sums stand in mkalpine.sh only: NAME=VALUE, on a line of its own.
      pinned =
        name:
        let
          lines = lib.splitString "\n" (builtins.readFile ./mkalpine.sh);
        in
        lib.removePrefix "${name}=" (lib.findFirst (lib.hasPrefix "${name}=") (throw name) lines);
      release = pinned "pinned";

      source = lib.fileset.toSource {
        root = ./.;
        fileset = lib.fileset.unions [
          ./Cargo.toml
          ./Cargo.lock
          ./main.rs
        ];
      };
      build =
        rustPlatform: extra:
        rustPlatform.buildRustPackage (
          {
            pname = "ajail";
            version = (lib.importTOML ./Cargo.toml).package.version;
            src = source;
            cargoLock.lockFile = ./Cargo.lock;
            meta.mainProgram = "ajail";
          }
          // extra
        );
    in
    {
      packages = each (
        pkgs: own: {
          default = build pkgs.pkgsStatic.rustPlatform {
            # The user's own bwrap, if there is one.
            nativeBuildInputs = [ pkgs.makeBinaryWrapper ];
            postInstall = ''
              wrapProgram $out/bin/ajail --suffix PATH : ${lib.makeBinPath [ pkgs.bubblewrap ]}
            '';
          };
          alpine =
            let
              arch = pkgs.stdenv.hostPlatform.parsed.cpu.name;
              branch = "v${lib.versions.majorMinor release}";
              tarball = pkgs.fetchurl {
                url = "https://dl-cdn.alpinelinux.org/alpine/${branch}/releases/${arch}/alpine-minirootfs-${release}-${arch}.tar.gz";
                sha256 = pinned arch;
              };
            in
            pkgs.runCommand "alpine-${release}" { } ''
              mkdir $out
              tar -xzf ${tarball} -C $out --no-same-owner --no-same-permissions
            '';
        }
      );

      # Without a default root fs of the user's, a copy of the store's: ajail takes none of root's.
      apps = each (
        pkgs: own: {
          default = {
            type = "app";
            meta.description = "ajail, on Alpine if there is no ~/.ajail/fs/default";
            program = lib.getExe (
              pkgs.writeShellApplication {
                name = "ajail-on-alpine";
                runtimeInputs = [ pkgs.coreutils ];
                text = ''
                  all=''${HOME:?}/.ajail/fs name=alpine-${release}
                  if [ ! -e "$all/default" ]; then
                    if [ ! -e "$all/$name" ]; then
                      mkdir -p "$all"
                      chmod 700 "$HOME/.ajail"
                      new=$(mktemp -d "$all/.new.XXXXXX")
                      trap 'rm -rf "$new"' EXIT
                      cp -r --no-preserve=ownership ${own.alpine}/. "$new"
                      chmod -R u+w "$new"
                      mv -T "$new" "$all/$name" || [ -e "$all/$name" ]
                      rm -rf "$new"
                      trap - EXIT
                    fi
                    export AJAIL_ARGS="--fs=$name;''${AJAIL_ARGS-}"
                  fi
                  exec ${lib.getExe own.default} "$@"
                '';
              }
            );
          };
        }
      );

      checks = each (
        pkgs: own: {
          package = own.default;
          clippy = build pkgs.rustPlatform {
            nativeBuildInputs = [ pkgs.clippy ];
            buildPhase = "cargo clippy --release -- -D warnings";
            doCheck = false;
            installPhase = "touch $out";
          };
          formatting =
            pkgs.runCommand "formatting"
              {
                nativeBuildInputs = [
                  pkgs.cargo
                  pkgs.rustfmt
                  pkgs.nixfmt
                ];
              }
              ''
                cd ${self}
                cargo fmt --check
                nixfmt --check flake.nix
                touch $out
              '';
          shellcheck = pkgs.runCommand "shellcheck" { nativeBuildInputs = [ pkgs.shellcheck ]; } ''
            cd ${self}
            shellcheck ./*.sh .ci/run
            touch $out
          '';
          # In a machine of its own, since a build sandbox has no user namespaces to give.
          test = pkgs.testers.runNixOSTest {
            name = "ajail";
            nodes.machine = {
              users.users.alice.isNormalUser = true;
              virtualisation.memorySize = 4096;
              virtualisation.diskSize = 8192;
              environment.systemPackages = [
                pkgs.bubblewrap
                pkgs.busybox
                pkgs.cargo
                pkgs.curl
                pkgs.gcc
                pkgs.git
                pkgs.openssl
                pkgs.perl
                pkgs.rustc
                pkgs.socat
              ];
            };
            testScript = ''
              machine.wait_for_unit("multi-user.target")
              machine.succeed("su - alice -c 'cp -r ${self} src; cp -r ${own.alpine} fs; chmod -R u+w src fs'")
              machine.succeed("su - alice -c 'cd src && AJAIL_TEST_FS=$HOME/fs bash ./test.sh >&2'")
            '';
          };
        }
      );

      devShells = each (
        pkgs: own: {
          default = pkgs.mkShell {
            packages = [
              pkgs.bubblewrap
              pkgs.cargo
              pkgs.clippy
              pkgs.rustc
              pkgs.rustfmt
              pkgs.shellcheck
            ];
          };
        }
      );

      formatter = each (
        pkgs: own:
        pkgs.writeShellApplication {
          name = "format";
          runtimeInputs = [
            pkgs.cargo
            pkgs.rustfmt
            pkgs.nixfmt
          ];
          text = "cargo fmt && nixfmt flake.nix";
        }
      );
    };
}
